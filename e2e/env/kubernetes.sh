# shellcheck shell=bash
# A real Kubernetes on this machine: etcd, the API server, the controllers and the scheduler (one program: tools/kubernetes), and two
# nodes, each a kubelet with a containerd of its own. The second node counts as arm64, also for its BuildKit; its programs are this
# machine's. Everything listens on loopback, and the nodes pull from nowhere else.

KUBE=$STATE/kubernetes
KUBE_NODES='a b'
KUBE_ROOTLESS=moby/buildkit:buildx-stable-1-rootless
KUBE_CLUSTER_IP=10.96.0.1
KUBE_SYSCTLS=(vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes)

kube_address() { case $1 in a) echo 127.0.0.11 ;; b) echo 127.0.0.12 ;; esac; } # a node's name, too: there is no DNS for nodes
kube_arch() { case $1 in a) echo amd64 ;; b) echo arm64 ;; esac; }
kube_bridge() { case $1 in a) echo multiarch2 ;; b) echo multiarch3 ;; esac; }
kube_subnet() { case $1 in a) echo 10.221.2.0/24 ;; b) echo 10.221.3.0/24 ;; esac; }
kube_cgroup() { cgroup kubernetes; }
kubectl() { "$KUBE/bin/kubectl" --kubeconfig "$KUBE/admin.kubeconfig" "$@"; }
kube_publish() {
  publish MULTIARCH_E2E_KUBECONFIG "$KUBE/admin.kubeconfig"
  publish MULTIARCH_E2E_KUBECTL "$KUBE/bin"
  publish MULTIARCH_E2E_KUBERNETES "$KUBE"
}

# kubernetes PROGRAMS CNI BUSYBOXES HOST starts it, unless it runs already. The images of BuildKit are those of the engine at HOST.
kubernetes() {
  local made part
  kube_images "$4" "$3"
  made=$(fingerprint "$HERE/kubernetes.sh" <(echo "$1 $2"; cat "$KUBE/images"/*.id))
  if kube_runs "$made"; then kube_publish; return; fi
  kube_stop
  mkdir -p "$KUBE/bin"
  for part in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl; do ln -sf "$1/kubernetes" "$KUBE/bin/$part"; done
  runtime /usr/sbin/runc "$KUBE/bin"
  [ -e "$KUBE/pki/made" ] || step "make certificates of Kubernetes" kube_certificates
  sysctl "${KUBE_SYSCTLS[@]}" 2>/dev/null >"$KUBE/sysctls" || true # not all machines have all of these
  step "start Kubernetes" kube_start "$made" "$2"
  kube_publish
}

kube_runs() {
  local part node
  [ -s "$KUBE/admin.kubeconfig" ] || return
  for part in etcd apiserver controllers scheduler; do running "kube-$part" "$1" || return; done
  for node in $KUBE_NODES; do running "kube-containerd-$node" "$1" && running "kubelet-$node" "$1" || return; done
  kubectl get --raw /readyz >/dev/null 2>&1
}

kube_start() {
  local made=$1 cni=$2 node
  kube_kubeconfig
  for node in $KUBE_NODES; do kube_containerd "$node" "$made" "$cni"; done
  kube_control_plane "$made"
  for node in $KUBE_NODES; do kube_node "$node" "$made"; done
  kube_policies
  for node in $KUBE_NODES; do
    wait_for 60 "node $node" kubectl wait --for=condition=Ready "node/$(kube_address "$node")" --timeout=30s
    wait_for 30 "the architecture of node $node" kube_has_arch "$node"
  done
  wait_for 30 "the default service account" kubectl get serviceaccount default
}

kube_certificates() {
  local dir=$KUBE/pki
  rm -rf "$dir"
  mkdir -p "$dir" && chmod 700 "$dir"
  cd "$dir" || return
  authority ca
  kube_certificate apiserver /CN=kube-apiserver "subjectAltName=IP:127.0.0.1,IP:$KUBE_CLUSTER_IP,DNS:localhost,DNS:kubernetes.default.svc"
  kube_certificate admin /O=system:masters/CN=admin extendedKeyUsage=clientAuth
  openssl ecparam -name prime256v1 -genkey -noout -out accounts-key.pem
  openssl ec -in accounts-key.pem -pubout -out accounts.pem
  touch made
}

# kube_certificate NAME SUBJECT EXTENSION
kube_certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "$2" -keyout "$1-key.pem" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 3650 -extfile <(echo "$3") -out "$1.pem"
  rm "$1.csr"
}

kube_kubeconfig() {
  port kube-apiserver "$KUBE/port" 26443 >/dev/null
  cat >"$KUBE/admin.kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: local, cluster: {server: "https://127.0.0.1:$(cat "$KUBE/port")", certificate-authority-data: $(base64 -w0 "$KUBE/pki/ca.pem")}}]
users: [{name: admin, user: {client-certificate-data: $(base64 -w0 "$KUBE/pki/admin.pem"), client-key-data: $(base64 -w0 "$KUBE/pki/admin-key.pem")}}]
contexts: [{name: local, context: {cluster: local, user: admin, namespace: default}}]
current-context: local
YAML
  chmod 600 "$KUBE/admin.kubeconfig"
}

kube_control_plane() {
  local pki=$KUBE/pki etcd peers
  etcd=127.0.0.1:$(port kube-etcd "$KUBE/port.etcd" 23790)
  peers=http://127.0.0.1:$(port kube-etcd "$KUBE/port.peers" 23800)
  start kube-etcd "$1" "listens ${etcd#*:}" "$KUBE/bin/etcd" --name env --data-dir "$KUBE/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls "http://$etcd" --advertise-client-urls "http://$etcd" \
    --listen-peer-urls "$peers" --initial-advertise-peer-urls "$peers" --initial-cluster "env=$peers"
  start kube-apiserver "$1" "kubectl get --raw /readyz" "$KUBE/bin/kube-apiserver" --etcd-servers "http://$etcd" \
    --bind-address 127.0.0.1 --secure-port "$(cat "$KUBE/port")" --endpoint-reconciler-type none --service-cluster-ip-range 10.96.0.0/24 \
    --allow-privileged --authorization-mode Node,RBAC --client-ca-file "$pki/ca.pem" \
    --tls-cert-file "$pki/apiserver.pem" --tls-private-key-file "$pki/apiserver-key.pem" \
    --kubelet-client-certificate "$pki/admin.pem" --kubelet-client-key "$pki/admin-key.pem" --kubelet-preferred-address-types InternalIP \
    --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$pki/accounts.pem" \
    --service-account-signing-key-file "$pki/accounts-key.pem" --disable-admission-plugins DefaultIngressClass --profiling=false \
    --cert-dir "$KUBE/apiserver"
  start kube-controllers "$1" "running kube-controllers" "$KUBE/bin/kube-controller-manager" --kubeconfig "$KUBE/admin.kubeconfig" --leader-elect=false \
    --secure-port 0 --profiling=false --service-account-private-key-file "$pki/accounts-key.pem" --root-ca-file "$pki/ca.pem" \
    --node-monitor-period 2s --node-monitor-grace-period 20s \
    --controllers '*,-horizontal-pod-autoscaler-controller,-bootstrap-signer-controller,-token-cleaner-controller'
  start kube-scheduler "$1" "running kube-scheduler" "$KUBE/bin/kube-scheduler" --kubeconfig "$KUBE/admin.kubeconfig" --leader-elect=false --secure-port 0 --profiling=false
}

# kube_containerd NODE FINGERPRINT CNI
kube_containerd() {
  local dir=$KUBE/node-$1
  mkdir -p "$dir/cni" "$dir/certs.d/docker.io"
  # Docker Hub is a port of loopback where nothing listens: a look-up fails at once, on every machine alike.
  printf 'server = "http://127.0.0.1:9"\n[host."http://127.0.0.1:9"]\n  capabilities = ["pull", "resolve"]\n' >"$dir/certs.d/docker.io/hosts.toml"
  cat >"$dir/cni/10-env.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "env", "plugins": [{"type": "bridge", "bridge": "$(kube_bridge "$1")", "isDefaultGateway": true,
 "ipam": {"type": "host-local", "dataDir": "$KUBE/addresses-$1", "ranges": [[{"subnet": "$(kube_subnet "$1")"}]]}}]}
JSON
  kube_containerd_config "$1" "$3" >"$dir/containerd.toml"
  start "kube-containerd-$1" "$2" "kube_ctr $1 version" containerd -c "$dir/containerd.toml"
  kube_import "$1"
}

kube_ctr() { ctr -a "$KUBE/node-$1/containerd.sock" -n k8s.io "${@:2}"; }

kube_containerd_config() {
  local dir=$KUBE/node-$1
  cat <<TOML
version = 2
root = "$dir/root"
state = "$dir/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "$dir/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$dir/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$dir/certs.d"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$2"
    conf_dir = "$dir/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "$KUBE/bin/runc"
        Root = "$dir/state/runc"
TOML
}

# kube_node NODE FINGERPRINT starts the kubelet.
kube_node() {
  local dir=$KUBE/node-$1 hierarchy
  mkdir -p "$dir/kubelet"
  for hierarchy in /sys/fs/cgroup/{cpu,cpuacct,cpuset,memory,devices,freezer,blkio,pids,systemd}; do
    [ ! -d "$hierarchy" ] || mkdir -p "$hierarchy/$(kube_cgroup)/$1"
  done
  kube_cpuset "$(kube_cgroup)" && kube_cpuset "$(kube_cgroup)/$1"
  kube_kubelet_config "$1" >"$dir/kubelet.yaml"
  start "kubelet-$1" "$2" "running kubelet-$1" "$KUBE/bin/kubelet" --config "$dir/kubelet.yaml" --kubeconfig "$KUBE/admin.kubeconfig" --root-dir "$dir/kubelet" \
    --cert-dir "$dir/kubelet/pki" --hostname-override "$(kube_address "$1")" --node-labels "kubernetes.io/arch=$(kube_arch "$1")"
}

# kube_cpuset CGROUP gives it all CPUs: in cgroups of version 1 a new one has none.
kube_cpuset() {
  local file
  for file in cpuset.mems cpuset.cpus; do
    [ ! -e /sys/fs/cgroup/cpuset/$file ] || cat /sys/fs/cgroup/cpuset/$file >"/sys/fs/cgroup/cpuset/$1/$file"
  done
}

kube_kubelet_config() {
  cat <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $(kube_address "$1")
port: 26250
healthzPort: 0
readOnlyPort: 0
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: $KUBE/pki/ca.pem}}
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: unix://$KUBE/node-$1/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$(kube_cgroup)/$1
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
evictionHard: {memory.available: 50Mi, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
imagePullCredentialsVerificationPolicy: NeverVerify
podLogsDir: $KUBE/node-$1/kubelet/logs
volumePluginDir: $KUBE/node-$1/kubelet/plugins
nodeStatusUpdateFrequency: 5s
maxPods: 50
YAML
}

# kube_policies make the second node count as arm64, which its kubelet takes back with every report, and put the pods of namespaces with
# the label network=host on this machine's network, for makers of pods that have no such option.
kube_policies() {
  kubectl apply --server-side -f - <<YAML
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: architecture}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [nodes, nodes/status], operations: [CREATE, UPDATE], resourceNames: ["$(kube_address b)"]}]}
  failurePolicy: Fail
  reinvocationPolicy: Never
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration: {expression: 'Object{metadata: Object.metadata{labels: {"kubernetes.io/arch": "$(kube_arch b)", "beta.kubernetes.io/arch": "$(kube_arch b)"}}, status: Object.status{nodeInfo: Object.status.nodeInfo{architecture: "$(kube_arch b)"}}}'}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: architecture}
spec: {policyName: architecture}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: network}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {network: host}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}]
  failurePolicy: Fail
  reinvocationPolicy: Never
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration: {expression: "Object{spec: Object.spec{hostNetwork: true}}"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: network}
spec: {policyName: network}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
YAML
}

# kube_has_arch NODE changes a label of a node that does not count as its architecture yet, so that the policy is asked again.
kube_has_arch() {
  local name
  name=$(kube_address "$1")
  [ "$(kubectl get node "$name" -o 'jsonpath={.metadata.labels.kubernetes\.io/arch}')" = "$(kube_arch "$1")" ] ||
    { kubectl label node "$name" "env-asked=$RANDOM" --overwrite && return 1; }
}

# kube_images HOST BUSYBOXES saves what the nodes run: BuildKit, one that says it is for arm64, and what holds a pod's network.
kube_images() {
  local id
  id=$(docker -H "$1" image inspect -f '{{.Id}}' "$BUILDER")
  [ "$(made_from "$1" moby/buildkit:e2e-arm64)" = "$id" ] || step "derive moby/buildkit:e2e-arm64 ($(engine_label "$1"))" variant "$1" arm64 "$id"
  kube_image "$1" a "$BUILDER"
  kube_image "$1" b moby/buildkit:e2e-arm64
  [ "$(made_from "$1" $KUBE_ROOTLESS)" = "$id" ] || step "make $KUBE_ROOTLESS ($(engine_label "$1"))" kube_rootless "$1" "$id"
  kube_image "$1" rootless $KUBE_ROOTLESS
  [ -s "$KUBE/images/pause.tar" ] || step "make localhost/pause:1" kube_pause "$1" "$2"
}

# kube_image HOST NODE IMAGE
kube_image() {
  local id file=$KUBE/images/$2
  id=$(docker -H "$1" image inspect -f '{{.Id}}' "$3")
  [ "$(cat "$file.id" 2>/dev/null)" != "$id" ] || return 0
  mkdir -p "$KUBE/images"
  step "save $3 for Kubernetes" docker -H "$1" save -o "$file.tar" "$3"
  echo "$id" >"$file.id"
}

kube_pause() {
  mkdir -p "$KUBE/images"
  tar -C "$2/linux-$(go env GOARCH)" --owner=0 --group=0 -c busybox |
    docker -H "$1" import -c 'ENTRYPOINT ["/busybox", "sleep", "2000000000"]' - localhost/pause:1
  docker -H "$1" save -o "$KUBE/images/pause.tar" localhost/pause:1
  docker -H "$1" rmi localhost/pause:1
}

# kube_rootless HOST ID makes what the published rootless image is: BuildKit under rootlesskit, as a user with subordinate IDs. Debian's
# newuidmap has its rights by a setuid bit, which a container without CAP_SYS_ADMIN does not honour in full; capabilities of the file suffice.
kube_rootless() {
  local root container
  root=$(mktemp -d)
  container=$(docker -H "$1" create "$BUILDER")
  docker -H "$1" export "$container" | tar -C "$root" -x
  docker -H "$1" rm -v "$container"
  copy_programs "$root" /usr/bin/{rootlesskit,newuidmap,newgidmap}
  chmod 755 "$root"/usr/bin/new{u,g}idmap
  setcap cap_setuid=ep "$root/usr/bin/newuidmap"
  setcap cap_setgid=ep "$root/usr/bin/newgidmap"
  printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\nuser:x:1000:\n' >"$root/etc/group"
  echo user:100000:65536 | tee "$root/etc/subuid" >"$root/etc/subgid"
  mkdir -p "$root"/home/user/.local/{tmp,share/buildkit} "$root/run/user/1000"
  chown -R 1000:1000 "$root/home/user" "$root/run/user/1000"
  tar -C "$root" --format=pax --xattrs --xattrs-include=security.capability --numeric-owner -c . |
    docker -H "$1" import -c 'ENTRYPOINT ["rootlesskit", "buildkitd"]' -c 'USER 1000:1000' -c "ENV PATH=$BUILDER_PATH" \
      -c 'ENV HOME=/home/user' -c 'ENV USER=user' -c 'ENV XDG_RUNTIME_DIR=/run/user/1000' -c 'ENV TMPDIR=/home/user/.local/tmp' \
      -c 'ENV BUILDKIT_HOST=unix:///run/user/1000/buildkit/buildkitd.sock' -c "LABEL docker-multiarch.e2e=$2" - $KUBE_ROOTLESS
  rm -rf "$root"
}

# A node with an architecture of its own has BuildKits that report it.
variant_arm64() {
  "${@:3}" cp "$1:/usr/bin/buildkitd" "$2/buildkitd-here"
  "${@:3}" cp "$2/buildkitd-here" "$1:/usr/bin/buildkitd-here"
  printf '#!/bin/sh\nexec buildkitd-here --oci-worker-platform linux/arm64 "$@"\n' >"$2/buildkitd"
  chmod 755 "$2/buildkitd"
  "${@:3}" cp "$2/buildkitd" "$1:/usr/bin/buildkitd"
}

# kube_import NODE
kube_import() {
  local file mark files=(pause "$1")
  [ "$1" != a ] || files+=(rootless)
  for file in "${files[@]}"; do
    mark=$KUBE/node-$1/root/imported-$file
    if [ -e "$mark" ] && [ ! "$KUBE/images/$file.tar" -nt "$mark" ]; then continue; fi
    kube_ctr "$1" images import "$KUBE/images/$file.tar"
    [ "$1$file" != bb ] || kube_ctr b images tag --force docker.io/moby/buildkit:e2e-arm64 "docker.io/$BUILDER"
    touch -r "$KUBE/images/$file.tar" "$mark"
  done
}

# kube_stop ends all of it, what a killed one left included. Images and certificates stay; the cluster's state does not.
kube_stop() {
  local part node pids
  [ -d "$KUBE" ] || return 0
  for node in $KUBE_NODES; do stop "kubelet-$node"; done
  for part in controllers scheduler apiserver etcd; do stop "kube-$part"; done
  mapfile -t pids < <(kube_shims)
  [ ${#pids[@]} -eq 0 ] || kill -9 "${pids[@]}" 2>/dev/null || true
  for node in $KUBE_NODES; do stop "kube-containerd-$node"; done
  cgroup_end "$(kube_cgroup)"
  unmount_all "$KUBE"
  for node in $KUBE_NODES; do ip link delete "$(kube_bridge "$node")" 2>/dev/null || true; done
  [ ! -s "$KUBE/sysctls" ] || sysctl -qp "$KUBE/sysctls" 2>/dev/null || true
  rm -rf "$KUBE"/{etcd,apiserver,sysctls,volumes} "$KUBE"/addresses-* "$KUBE"/node-*/{kubelet,state,containerd.sock*}
}

# kube_shims prints the shims of the nodes' containerds, and what they run.
kube_shims() {
  local process
  for process in /proc/[0-9]*; do
    if grep -qsF "$KUBE/node-" "$process/cmdline" && grep -qs '^containerd-shim' "$process/comm"; then
      cat "$process"/task/*/children 2>/dev/null | tr ' ' '\n' || true
      echo "${process##*/}"
    fi
  done
}
