{{/* The name of everything that the chart makes. */}}
{{- define "vaurien.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "vaurien.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "vaurien.labels" -}}
{{ include "vaurien.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "vaurien.secret" -}}
{{- default (include "vaurien.fullname" .) .Values.existingSecret -}}
{{- end -}}

{{/* The configuration file. A proxy listens on every address of the pod. */}}
{{- define "vaurien.config" -}}
{{- $proxies := dict -}}
{{- range $name, $given := .Values.proxies -}}
{{- $proxy := omit $given "port" -}}
{{- $_ := set $proxy "proxy" (printf "0.0.0.0:%d" (int $given.port)) -}}
{{- $_ := set $proxies $name $proxy -}}
{{- end -}}
{{- $config := deepCopy .Values.config -}}
{{- if $proxies -}}
{{- $_ := set $config "proxy" $proxies -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}
