{{/* Names and labels that the templates share. */}}

{{- define "picket.name" -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "picket.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "picket.name" .) .Values.serviceAccount.name }}
{{- else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "picket.selector" -}}
app.kubernetes.io/name: picket
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "picket.labels" -}}
{{ include "picket.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: agent
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "picket.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{/* Settings that follow from other values; what `config` says goes before them. */}}
{{- define "picket.settings" -}}
{{- $identity := dict "host_root" "/host" -}}
{{- if .Values.identity.kubernetes.enabled }}
{{- $_ := set $identity "kubernetes" "on" -}}
{{- if .Values.identity.kubernetes.peers }}{{ $_ := set $identity "peers" true }}{{ end -}}
{{- end }}
{{- $own := dict "identity" $identity -}}
{{- with .Values.tls }}{{ if .enabled }}
{{- $_ := set $own "tls" (dict
      "listen" (printf "%s:%d" .address (int .port))
      "certificate" "/etc/picket-tls/tls.crt" "key" "/etc/picket-tls/tls.key" "client_ca" "/etc/picket-tls/ca.crt"
      "clients" .clients) -}}
{{- end }}{{ end }}
{{- with .Values.metrics }}{{ if .enabled }}
{{- $_ := set $own "metrics" (dict "listen" (printf "%s:%d" .address (int .port))) -}}
{{- end }}{{ end }}
{{- if or .Values.rules.extra (not .Values.rules.shipped) }}
{{- $paths := list -}}
{{- if .Values.rules.shipped }}{{ $paths = append $paths "/etc/picket/rules" }}{{ end -}}
{{- if .Values.rules.extra }}{{ $paths = append $paths "/etc/picket-rules" }}{{ end -}}
{{- $_ := set $own "rules" (dict "paths" $paths) -}}
{{- end }}
{{- $tuning := dict -}}
{{- if .Values.rules.exceptions }}{{ $_ := set $tuning "exceptions" "/etc/picket-rules/exceptions.toml" }}{{ end -}}
{{- if not .Values.host.stateFolder }}{{ $_ := set $tuning "normal" "off" }}{{ end -}}
{{- if $tuning }}{{ $_ := set $own "tuning" $tuning }}{{ end -}}
{{- toJson (mustMergeOverwrite $own (deepCopy .Values.config)) -}}
{{- end }}

{{/* picket.toml. JSON's texts, numbers and lists are TOML's too; numbers are whole, which YAML's reader forgets. */}}
{{- define "picket.toml" -}}
{{- range $section, $keys := include "picket.settings" . | fromJson -}}
[{{ $section }}]
{{- range $key, $value := $keys }}
{{ $key }} = {{ if kindIs "float64" $value }}{{ int64 $value }}{{ else }}{{ toJson $value }}{{ end }}
{{- end }}
{{ end }}
{{- end }}
