# shellcheck shell=bash
# What lets this machine be reached as machines elsewhere are: certificates, and an SSH server on loopback. The machine's own SSH
# server, its keys and its users' configuration are neither used nor changed.

# certificates prints the folder of these, all PEM, the key of NAME.pem in NAME-key.pem:
#   ca, stranger-ca   two authorities
#   server, client    from ca, for servers on this machine's loopback and for their clients; cert and key are the client's,
#                     under the names that Docker gives them
#   elsewhere         from ca, for a server of another name
#   stranger          from stranger-ca, for clients
certificates() {
  local dir=$STATE/tls made
  made=$(fingerprint <(declare -f make_certificates authority certificate))
  if [ "$(cat "$dir/from" 2>/dev/null)" != "$made" ] || ! openssl x509 -noout -checkend 86400 -in "$dir/server.pem" >/dev/null 2>&1; then
    step "make certificates" make_certificates "$dir" "$made"
  fi
  echo "$dir"
}

make_certificates() {
  local new=$1.partial
  rm -rf "$new"
  mkdir -p "$new" && chmod 700 "$new"
  cd "$new" || return
  authority ca
  authority stranger-ca
  certificate server ca serverAuth DNS:localhost,IP:127.0.0.1
  certificate elsewhere ca serverAuth DNS:elsewhere.invalid
  certificate client ca clientAuth DNS:client.invalid
  certificate stranger stranger-ca clientAuth DNS:stranger.invalid
  ln -s client.pem cert.pem
  ln -s client-key.pem key.pem
  echo "$2" >from
  rm -rf "$1"
  mv "$new" "$1"
}

authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=$1" -keyout "$1-key.pem" -out "$1.pem"
}

# certificate NAME AUTHORITY USE HOSTS
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "$1-key.pem" -out "$1.csr"
  printf 'extendedKeyUsage=%s\nsubjectAltName=%s\n' "$3" "$4" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2-key.pem" -CAcreateserial -days 3650 -extfile "$1.ext" -out "$1.pem"
  rm "$1.csr" "$1.ext"
}

# ssh_server HOST BUILDKIT starts it. Who logs in there finds the engine at HOST where Docker's commands look for one, and buildctl.
# `ssh` in the folder bin reaches it as the host `elsewhere`.
ssh_server() {
  local dir=$STATE/ssh port from
  ssh_program
  mkdir -p "$dir/bin"
  [ -s "$dir/host" ] || ssh-keygen -q -t ed25519 -N '' -C docker-multiarch-env -f "$dir/host"
  [ -s "$dir/client" ] || ssh-keygen -q -t ed25519 -N '' -C docker-multiarch-env -f "$dir/client"
  port=$(port ssh "$dir/port" 22022)
  ssh_server_config "$@" "$port" >"$dir/sshd_config"
  ssh_client_config "$port" >"$dir/config"
  echo "elsewhere $(cut -d' ' -f1,2 "$dir/host.pub")" >"$dir/known_hosts"
  printf '#!/bin/sh\nexec %s -F %s "$@"\n' "$(command -v ssh)" "$dir/config" >"$dir/bin/ssh"
  chmod +x "$dir/bin/ssh"
  from=$(fingerprint "$dir/sshd_config" "$dir"/{host,client}.pub)
  if running ssh "$from" && listens "$port"; then return; fi
  step "start SSH server 127.0.0.1:$port" ssh_server_start "$from" "$port"
}

ssh_server_start() {
  stop ssh
  start ssh "$1" "listens $2" "$(command -v sshd)" -D -e -f "$STATE/ssh/sshd_config"
}

# ssh_program installs Debian's server where there is none, in a way that no start of the machine starts it, and makes the folder
# that every server needs.
ssh_program() {
  if ! command -v sshd >/dev/null; then
    mkdir -p /etc/ssh
    touch /etc/ssh/sshd_not_to_be_run
    packages openssh-server
  fi
  [ -d /run/sshd ] || { touch "$STATE/before/no-run-sshd" && mkdir -m 755 /run/sshd; }
}

# ssh_server_config HOST BUILDKIT PORT. Debian's bash reads ~/.bashrc for each command that comes by SSH, unless it believes that another
# shell has started it: on some machines that takes seconds, in which one login waits for another.
ssh_server_config() {
  cat <<CONFIG
ListenAddress 127.0.0.1
Port $3
HostKey $STATE/ssh/host
AuthorizedKeysFile $STATE/ssh/client.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
SetEnv SHLVL=1 DOCKER_HOST=$1 PATH=$2:$(dirname "$(command -v docker)"):/usr/sbin:/usr/bin:/sbin:/bin
CONFIG
}

ssh_client_config() {
  cat <<CONFIG
Host elsewhere
HostName 127.0.0.1
HostKeyAlias elsewhere
Port $1
User $(id -un)
IdentityFile $STATE/ssh/client
IdentitiesOnly yes
UserKnownHostsFile $STATE/ssh/known_hosts
BatchMode yes
CONFIG
}
