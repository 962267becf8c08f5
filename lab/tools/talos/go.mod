module plinth.dev/lab/tools/talos

go 1.26.0
