# shellcheck shell=bash
# The certificate. Sourced; defines functions only.
#
# PostgreSQL refuses a key that the certificate user owns, whatever its mode. So the server uses copies of its
# own, key 0600, in the container's run directory: never in the data volume, and new ones at each start and
# reload.

# tls_files: sets CERTIFICATE and KEY to what CERT_PATH holds, or to nothing when it holds neither.
tls_files() {
  local dir=${CERT_PATH-}
  CERTIFICATE='' KEY=''
  [[ -n $dir && -d $dir ]] || return 0
  [[ -x $dir ]] || die 66 "CERT_PATH: user $EUID may not look into $(describe "$dir"); give it group 9999 (--group-add 9999)"
  local certificate=$dir/fullchain.pem key=$dir/privkey.pem
  [[ -e $certificate || -e $key ]] || return 0
  [[ -e $certificate ]] || die 66 "CERT_PATH: $dir holds privkey.pem but no fullchain.pem"
  [[ -e $key ]] || die 66 "CERT_PATH: $dir holds fullchain.pem but no privkey.pem"
  local file
  for file in "$certificate" "$key"; do
    [[ -r $file ]] || die 66 "CERT_PATH: user $EUID may not read $file; make it 0640 of group 9999"
  done
  CERTIFICATE=$certificate KEY=$key
}

# tls_copy: copies the pair to the server's own directory, if it is one; what was there stays until then.
tls_copy() {
  local own=$RUN_DIR/tls
  (
    umask 077
    mkdir -p -- "$own"
    cp -- "$CERTIFICATE" "$own/fullchain.pem.new"
    cp -- "$KEY" "$own/privkey.pem.new"
  )
  chmod 0600 -- "$own"/*.new
  local public
  public=$(openssl pkey -in "$own/privkey.pem.new" -passin pass: -pubout 2>/dev/null) ||
    die 66 "CERT_PATH: $KEY is not a private key without a pass phrase"
  [[ $public == "$(openssl x509 -in "$own/fullchain.pem.new" -noout -pubkey 2>/dev/null)" ]] ||
    die 66 "CERT_PATH: $CERTIFICATE is not the certificate of $KEY"
  mv -T -- "$own/fullchain.pem.new" "$own/fullchain.pem"
  mv -T -- "$own/privkey.pem.new" "$own/privkey.pem"
}

# tls_arguments sets TLS_ARGS: TLS is on when there is a certificate.
tls_arguments() {
  TLS_ARGS=()
  tls_files
  [[ -n $CERTIFICATE ]] || return 0
  tls_copy
  # shellcheck disable=SC2034 # used by the entrypoint
  TLS_ARGS=(-c ssl=on -c "ssl_cert_file=$RUN_DIR/tls/fullchain.pem" -c "ssl_key_file=$RUN_DIR/tls/privkey.pem")
}
