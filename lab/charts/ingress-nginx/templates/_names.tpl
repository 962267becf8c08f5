{{- define "selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{ include "selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: {{ .Chart.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "controller.labels" -}}
{{ include "labels" . }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "admission.labels" -}}
{{ include "labels" . }}
app.kubernetes.io/component: admission-webhook
{{- end }}

{{- define "controller.selector" -}}
{{ include "selector" . }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "image" -}}
{{ .registry }}/{{ .of.image }}:{{ .of.tag }}{{ with .of.digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "name" -}}
{{ if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}
