{{- define "selector" -}}
app: {{ .Chart.Name }}
release: {{ .Release.Name }}
component: localpv-provisioner
{{- end }}

{{- define "labels" -}}
{{ include "selector" . }}
chart: {{ .Chart.Name }}-{{ .Chart.Version }}
heritage: {{ .Release.Service }}
openebs.io/component-name: openebs-localpv-provisioner
{{- end }}

{{- define "name" -}}
{{ if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}
