{{/* The pod: what it is given, and what it is not. */}}

{{- define "picket.pod" -}}
serviceAccountName: {{ include "picket.serviceAccount" . }}
automountServiceAccountToken: {{ .Values.identity.kubernetes.enabled }}
# Variables of services would only be in the way.
enableServiceLinks: false
# Events name processes by their numbers on the node.
hostPID: true
hostNetwork: {{ .Values.hostNetwork }}
dnsPolicy: {{ .Values.dnsPolicy }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: picket
    image: {{ include "picket.image" . }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    args: [run]
    {{- include "picket.environment" . | nindent 4 }}
    {{- with include "picket.ports" . }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- include "picket.security" . | nindent 4 }}
    resources:
      {{- toYaml .Values.resources | nindent 6 }}
    {{- include "picket.probes" . | nindent 4 }}
    {{- include "picket.mounts" . | nindent 4 }}
{{ include "picket.volumes" . }}
{{- end }}

{{- define "picket.environment" -}}
env:
  - name: NODE_NAME
    valueFrom:
      fieldRef:
        fieldPath: spec.nodeName
  {{- with .Values.log }}
  - name: PICKET_LOG
    value: {{ . | quote }}
  {{- end }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "picket.ports" -}}
{{- if or .Values.tls.enabled .Values.metrics.enabled -}}
ports:
  {{- if .Values.tls.enabled }}
  - name: grpc
    containerPort: {{ .Values.tls.port }}
  {{- end }}
  {{- if .Values.metrics.enabled }}
  - name: metrics
    containerPort: {{ .Values.metrics.port }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "picket.security" -}}
securityContext:
  privileged: false
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsUser: 0
  runAsGroup: 0
  capabilities:
    drop: [ALL]
    add:
      {{- range concat .Values.securityContext.capabilities .Values.securityContext.extraCapabilities | uniq }}
      - {{ . }}
      {{- end }}
  seccompProfile:
    {{- toYaml .Values.securityContext.seccompProfile | nindent 4 }}
  {{- if and .Values.securityContext.appArmor (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) }}
  appArmorProfile:
    type: {{ eq .Values.securityContext.appArmor "unconfined" | ternary "Unconfined" "RuntimeDefault" }}
  {{- end }}
  {{- with .Values.securityContext.seLinuxOptions }}
  seLinuxOptions:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "picket.probes" -}}
startupProbe:
  exec:
    command: [/usr/bin/picket, status, --alive]
  {{- toYaml .Values.probes.startup | nindent 2 }}
readinessProbe:
  exec:
    command: [/usr/bin/picket, status]
  {{- toYaml .Values.probes.readiness | nindent 2 }}
livenessProbe:
  exec:
    command: [/usr/bin/picket, status, --alive]
  {{- toYaml .Values.probes.liveness | nindent 2 }}
{{- end }}

{{- define "picket.mounts" -}}
volumeMounts:
  # The file alone: the image has the rules beside it.
  - name: config
    mountPath: /etc/picket/picket.toml
    subPath: picket.toml
    readOnly: true
  {{- if or .Values.rules.extra .Values.rules.exceptions }}
  # As a folder, so that the agent sees changes.
  - name: rules
    mountPath: /etc/picket-rules
    readOnly: true
  {{- end }}
  # The folders of the node that the agent writes to.
  - name: socket
    mountPath: /run/picket
  {{- if .Values.host.stateFolder }}
  - name: state
    mountPath: /var/lib/picket
  {{- end }}
  {{- if .Values.host.bpf }}
  - name: bpf
    mountPath: /sys/fs/bpf
  {{- end }}
  - name: tracing
    mountPath: /sys/kernel/tracing
    readOnly: true
  - name: cgroup
    mountPath: /host/sys/fs/cgroup
    readOnly: true
    {{- if semverCompare ">=1.31.0-0" .Capabilities.KubeVersion.Version }}
    # Those of v1 controllers are mounts of their own.
    recursiveReadOnly: IfPossible
    {{- end }}
  {{- range $index, $folder := .Values.host.runtimeFolders }}
  - name: runtime-{{ $index }}
    mountPath: /host{{ $folder }}
    readOnly: true
    mountPropagation: {{ $.Values.host.mountPropagation }}
  {{- end }}
  {{- if .Values.host.proc }}
  - name: proc
    mountPath: /host/proc
    readOnly: true
  {{- end }}
  {{- if .Values.tls.enabled }}
  - name: tls
    mountPath: /etc/picket-tls
    readOnly: true
  {{- end }}
{{- end }}

{{- define "picket.volumes" -}}
volumes:
  - name: config
    configMap:
      name: {{ include "picket.name" . }}
  {{- if or .Values.rules.extra .Values.rules.exceptions }}
  - name: rules
    configMap:
      name: {{ include "picket.name" . }}-rules
  {{- end }}
  - name: socket
    hostPath:
      path: {{ .Values.host.socketFolder }}
      type: DirectoryOrCreate
  {{- with .Values.host.stateFolder }}
  - name: state
    hostPath:
      path: {{ . }}
      type: DirectoryOrCreate
  {{- end }}
  {{- with .Values.host.bpf }}
  # A folder of every kernel, also where no BPF file system is mounted on it.
  - name: bpf
    hostPath:
      path: {{ . }}
      type: Directory
  {{- end }}
  - name: tracing
    hostPath:
      path: {{ .Values.host.tracing }}
      type: Directory
  - name: cgroup
    hostPath:
      path: {{ .Values.host.cgroup }}
      type: Directory
  {{- range $index, $folder := .Values.host.runtimeFolders }}
  - name: runtime-{{ $index }}
    hostPath:
      path: {{ $folder }}
      type: Directory
  {{- end }}
  {{- with .Values.host.proc }}
  - name: proc
    hostPath:
      path: {{ . }}
      type: Directory
  {{- end }}
  {{- if .Values.tls.enabled }}
  - name: tls
    secret:
      secretName: {{ required "tls.secretName names the secret with tls.crt, tls.key and ca.crt" .Values.tls.secretName }}
      defaultMode: 0400
  {{- end }}
{{- end }}
