# SPDX-License-Identifier: Apache-2.0
"""The ACME clients of the table: what each can do, and how it is told to.
A client of one case gets a folder of its own; after obtain() and after
renew() `chain` and `key` are files in PEM."""
import http.server
import os
import pathlib
import ssl
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
WORK = pathlib.Path(os.environ["CLIENTS_WORK"])
DIRECTORY = os.environ["CHANCERY_DIRECTORY"]
ROOT = os.environ["CHANCERY_ROOT"]
TXT = WORK / "txt"
EMAIL = "clients@example.com"
HTTP, DNS, ALPN = "http-01", "dns-01", "tls-alpn-01"


def run(*argv, timeout=90, ok=(0,), **variables):
    done = subprocess.run(
        [str(word) for word in argv], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", timeout=timeout, cwd="/",
        env={"PATH": "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
             "LC_ALL": "C.UTF-8", "HOME": "/nonexistent",
             "DNS_TXT": str(TXT), **{k: str(v) for k, v in
                                     variables.items()}})
    assert done.returncode in ok, f"{argv[0]}: {done.stdout[-3000:]}"
    return done.stdout


def wait_for(what, condition, seconds=40):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"no {what} within {seconds} s"
        time.sleep(0.05)


class Background:
    """A daemon for the time of a block; its output goes to a file."""

    def __init__(self, log, *argv, **variables):
        self.log, self.argv, self.variables = log, argv, variables

    def __enter__(self):
        self.output = open(self.log, "ab")
        self.process = subprocess.Popen(
            [str(word) for word in self.argv], stdin=subprocess.DEVNULL,
            stdout=self.output, stderr=subprocess.STDOUT, cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
                 "DNS_TXT": str(TXT), **self.variables})
        return self

    def __exit__(self, *exc):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()


class Web:
    """Port 80 serves the files of a folder as answers to http-01."""

    def __init__(self, folder):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def translate_path(self, path):
                return str(folder / path.rpartition("/")[2])

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 80),
                                                      Handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,),
                         daemon=True).start()

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()


class AlpnFolder:
    """Port 443 answers tls-alpn-01 with NAME.crt.pem and NAME.key.pem of a
    folder, which appear while it runs (as dehydrated makes them)."""

    def __init__(self, folder):
        self.folder = folder

    def choose(self, connection, name, context):
        fresh = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        fresh.load_cert_chain(self.folder / f"{name}.crt.pem",
                              self.folder / f"{name}.key.pem")
        fresh.set_alpn_protocols(["acme-tls/1"])
        connection.context = fresh

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            try:
                self.context.wrap_socket(peer, server_side=True).close()
            except OSError:
                peer.close()

    def __enter__(self):
        import socket
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.sni_callback = self.choose
        self.context.set_alpn_protocols(["acme-tls/1"])
        self.socket = socket.create_server(("127.0.0.1", 443))
        threading.Thread(target=self.serve, daemon=True).start()

    def __exit__(self, *exc):
        import socket
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


def csr_make(folder, key_kind, names):
    """folder/key.pem and folder/csr.pem, by openssl."""
    algorithm = ["-newkey", "rsa:2048"] if key_kind == "rsa" else \
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    run("openssl", "req", "-new", "-nodes", *algorithm, "-subj", "/",
        "-keyout", folder / "key.pem", "-out", folder / "csr.pem",
        "-addext", "subjectAltName=" + ",".join("DNS:" + n for n in names))


class Client:
    title = None
    challenges = (HTTP,)
    keys = ("rsa", "ec")
    wildcard = ()           # challenges by which it asks for one
    ip = ()
    eab = False             # can it bind to an external account?
    profile = {}            # what the default profile is changed to for it

    def __init__(self, folder, case, names, eab):
        self.folder, self.case, self.names = folder, case, names
        self.eab_key = eab      # (kid, MAC key) or None
        self.prepare()

    def prepare(self):
        pass

    def renew(self):
        self.obtain()


class Certbot(Client):
    title, eab = "certbot", True
    challenges, wildcard = (HTTP, DNS), (DNS,)

    def prepare(self):
        live = self.folder / "c/live/it"
        self.chain, self.key = live / "fullchain.pem", live / "privkey.pem"
        self.common = ["-n", "--config-dir", self.folder / "c", "--work-dir",
                       self.folder / "w", "--logs-dir", self.folder / "l"]

    def run(self, *words):
        run("certbot", *words, *self.common, REQUESTS_CA_BUNDLE=ROOT,
            HOME=self.folder)

    def obtain(self):
        how = ["--standalone", "--http-01-address", "127.0.0.1"]
        if self.case.challenge == DNS:
            hook = script(self.folder / "hook", 'file="$DNS_TXT/'
                          '_acme-challenge.$CERTBOT_DOMAIN"\ncase $1 in\n'
                          'add) echo "$CERTBOT_VALIDATION" >>"$file" ;;\n'
                          '*) rm -f "$file" ;;\nesac\n')
            how = ["--manual", "--preferred-challenges", "dns",
                   "--manual-auth-hook", f"{hook} add",
                   "--manual-cleanup-hook", f"{hook} remove"]
        if self.eab_key:
            how += ["--eab-kid", self.eab_key[0], "--eab-hmac-key",
                    self.eab_key[1]]
        self.run("certonly", "--server", DIRECTORY, "--agree-tos", "-m",
                 EMAIL, "--cert-name", "it", "--key-type",
                 {"rsa": "rsa", "ec": "ecdsa"}[self.case.key], *how,
                 *[w for name in self.names for w in ("-d", name)])

    def renew(self):
        self.run("renew", "--force-renewal", "--no-random-sleep-on-renew")


class Lego(Client):
    title, eab = "lego", True
    challenges, wildcard = (HTTP, DNS, ALPN), (DNS,)

    def prepare(self):
        stem = self.names[0].replace("*", "_")
        self.chain = self.folder / f"certificates/{stem}.crt"
        self.key = self.folder / f"certificates/{stem}.key"
        self.hook = script(self.folder / "hook", 'file="$DNS_TXT/${2%.}"\n'
                           'case $1 in\npresent) echo "$3" >>"$file" ;;\n'
                           'cleanup) rm -f "$file" ;;\nesac\n')

    def run(self, *words):
        how = {HTTP: ["--http", "--http.port", "127.0.0.1:80"],
               ALPN: ["--tls", "--tls.port", "127.0.0.1:443"],
               DNS: ["--dns", "exec", "--dns.disable-cp",
                     "--dns.resolvers", "127.0.0.1:53"]}
        bind = [] if not self.eab_key else \
            ["--eab", "--kid", self.eab_key[0], "--hmac", self.eab_key[1]]
        run("lego", "--server", DIRECTORY, "--path", self.folder, "--email",
            EMAIL, "--accept-tos", "--key-type",
            {"rsa": "rsa2048", "ec": "ec256"}[self.case.key],
            *how[self.case.challenge], *bind,
            *[w for name in self.names for w in ("--domains", name)],
            *words, LEGO_CA_CERTIFICATES=ROOT, EXEC_PATH=self.hook,
            EXEC_PROPAGATION_TIMEOUT="5", EXEC_POLLING_INTERVAL="1",
            HOME=self.folder)

    def obtain(self):
        self.run("run")

    def renew(self):
        self.run("renew", "--days", "10000", "--no-random-sleep")


class Uacme(Client):
    title, eab = "uacme", True
    challenges, wildcard, ip = (HTTP, DNS, ALPN), (DNS,), (HTTP, ALPN)

    def prepare(self):
        stem = self.names[0].removeprefix("*.")
        self.chain = self.folder / stem / "cert.pem"
        self.key = self.folder / "private" / stem / "key.pem"
        self.web = self.folder / "web"
        self.web.mkdir()
        self.sock = self.folder / "ualpn.sock"
        self.hook = script(self.folder / "hook", f"""
[ "$2" = "$WANTED" ] || exit 1
case $1:$2 in
begin:http-01) printf %s "$5" >"{self.web}/$4" ;;
*:http-01) rm -f "{self.web}/$4" ;;
begin:dns-01) echo "$5" >>"$DNS_TXT/_acme-challenge.$3" ;;
*:dns-01) rm -f "$DNS_TXT/_acme-challenge.$3" ;;
begin:tls-alpn-01) echo "auth $3 $5" | ualpn -s "{self.sock}" | grep -qx OK ;;
*) echo "unauth $3" | ualpn -s "{self.sock}" | grep -qx OK ;;
esac
""")

    def run(self, *words):
        run("uacme", "-v", "-v", "-a", DIRECTORY, "-c", self.folder, "-t",
            self.case.key.upper(), *words, WANTED=self.case.challenge)

    def issue(self, *words):
        if self.case.challenge == ALPN:
            # It wants somebody to hand other connections to.
            with Background(self.folder / "ualpn.log", "ualpn", "-v", "-b",
                            "127.0.0.1@443", "-c", "127.0.0.1@9", "-s",
                            self.sock, "-S", "0777"):
                wait_for("socket of ualpn", self.sock.exists)
                time.sleep(0.2)
                self.run(*words)
        elif self.case.challenge == HTTP:
            with Web(self.web):
                self.run(*words)
        else:
            self.run(*words)

    def obtain(self):
        bind = [] if not self.eab_key else ["-e", ":".join(self.eab_key)]
        self.run("-y", *bind, "new", EMAIL)
        self.issue("-h", self.hook, "issue", *self.names)

    def renew(self):
        self.issue("-f", "-h", self.hook, "issue", *self.names)


class Dehydrated(Client):
    title, eab = "dehydrated", True
    challenges, wildcard = (HTTP, DNS, ALPN), (DNS,)

    def prepare(self):
        self.chain = self.folder / "certs/it/fullchain.pem"
        self.key = self.folder / "certs/it/privkey.pem"
        for name in ("web", "alpn", "certs"):
            (self.folder / name).mkdir()
        hook = script(self.folder / "hook", """
[ "$WANTED" = dns-01 ] || exit 0
case $1 in
deploy_challenge) echo "$4" >>"$DNS_TXT/_acme-challenge.$2" ;;
clean_challenge) rm -f "$DNS_TXT/_acme-challenge.$2" ;;
esac
""")
        kid, mac = self.eab_key or ("", "")
        self.config = self.folder / "config"
        self.config.write_text(
            f'CA="{DIRECTORY}"\nBASEDIR="{self.folder}"\n'
            f'WELLKNOWN="{self.folder}/web"\n'
            f'ALPNCERTDIR="{self.folder}/alpn"\n'
            f'CHALLENGETYPE="{self.case.challenge}"\nHOOK="{hook}"\n'
            f'CONTACT_EMAIL="{EMAIL}"\nCURL_OPTS="--cacert {ROOT}"\n'
            f'KEY_ALGO="{ {"rsa": "rsa", "ec": "prime256v1"}[self.case.key]}"'
            f'\nEAB_KID="{kid}"\nEAB_HMAC_KEY="{mac}"\n')

    def run(self, *words):
        run("dehydrated", "--config", self.config, *words,
            WANTED=self.case.challenge)

    def issue(self, *words):
        words = ["--cron", "--domain", " ".join(self.names), "--alias", "it",
                 *words]
        if self.case.challenge == HTTP:
            with Web(self.folder / "web"):
                self.run(*words)
        elif self.case.challenge == ALPN:
            with AlpnFolder(self.folder / "alpn"):
                self.run(*words)
        else:
            self.run(*words)

    def obtain(self):
        self.run("--register", "--accept-terms")
        self.issue()

    def renew(self):
        self.issue("--force")


class AcmeTiny(Client):
    title = "acme-tiny"

    def prepare(self):
        self.chain, self.key = self.folder / "chain.pem", \
            self.folder / "key.pem"
        (self.folder / "web").mkdir()
        run("openssl", "genrsa", "-out", self.folder / "account.key", "2048")
        csr_make(self.folder, self.case.key, self.names)

    def obtain(self):
        with Web(self.folder / "web"):
            text = run("acme-tiny", "--quiet", "--account-key",
                       self.folder / "account.key", "--csr",
                       self.folder / "csr.pem", "--acme-dir",
                       self.folder / "web", "--directory-url", DIRECTORY,
                       SSL_CERT_FILE=ROOT)
        self.chain.write_text(text[text.index("-----BEGIN"):])


class Acmetool(Client):
    """It renews what has a third of its life left, and cannot be told to do
    so earlier: the profile makes certificates that old."""
    title, profile = "acmetool", {"validity_seconds": 4500,
                                  "backdate_seconds": 3600}
    challenges = (HTTP, DNS)

    def prepare(self):
        state = self.folder / "state"
        (state / "conf").mkdir(parents=True)
        (state / "desired").mkdir()
        self.hooks = self.folder / "hooks"
        self.hooks.mkdir()
        key = "type: ecdsa\n    ecdsa-curve: nistp256" \
            if self.case.key == "ec" else "type: rsa\n    rsa-size: 2048"
        how = 'http-self-test: true\n    http-ports: ["80"]'
        if self.case.challenge == DNS:
            how = "http-self-test: true\n    http-ports: []\n" \
                "    webroot-paths: []"
            script(self.hooks / "dns", """
file="$DNS_TXT/_acme-challenge.$2"
case $1 in
challenge-dns-start) echo "$4" >>"$file" ;;
challenge-dns-stop) rm -f "$file" ;;
*) exit 42 ;;
esac
""")
        (state / "conf/target").write_text(
            f"request:\n  provider: {DIRECTORY}\n  key:\n    {key}\n"
            f"  challenge:\n    {how}\n")
        (state / "conf/responses").write_text(
            f'"acme-enter-email": "{EMAIL}"\n"acme-agreement:": true\n')
        (state / "desired/it").write_text(
            "satisfy:\n  names:\n" +
            "".join(f"    - {name}\n" for name in self.names))
        self.state = state
        self.chain = state / f"live/{self.names[0]}/fullchain"
        self.key = state / f"live/{self.names[0]}/privkey"

    def obtain(self):
        run("acmetool", "--batch", f"--state={self.state}",
            f"--hooks={self.hooks}", "--xlog.severity=debug", "reconcile",
            SSL_CERT_FILE=ROOT)

    def renew(self):
        # Of two that end in the same second it keeps the first.
        time.sleep(1.1)
        self.obtain()


class Lacme(Client):
    title = "lacme"

    def prepare(self):
        self.chain, self.key = self.folder / "chain.pem", \
            self.folder / "key.pem"
        run("openssl", "genrsa", "-out", self.folder / "account.key", "2048")
        csr_make(self.folder, self.case.key, self.names)
        (self.folder / "account.conf").write_text(
            f"privkey = file:{self.folder}/account.key\n")
        self.config = self.folder / "lacme.conf"
        self.config.write_text(f"""config-certs = {self.folder}/certs.conf
[client]
user = nobody
group = nogroup
server = {DIRECTORY}
[webserver]
user = nobody
group = nogroup
listen = 127.0.0.1:80
[accountd]
config = {self.folder}/account.conf
quiet = Yes
""")
        (self.folder / "certs.conf").write_text(f"""[it]
certificate-key = {self.key}
certificate-chain = {self.chain}
subject = /CN={self.names[0]}
subjectAltName = {",".join("DNS:" + name for name in self.names)}
CAfile = {ROOT}
""")

    def run(self, *words):
        run("lacme", f"--config={self.config}", *words, SSL_CERT_FILE=ROOT)

    def obtain(self):
        self.run("account", "--register", "--tos-agreed", f"mailto:{EMAIL}")
        self.run("newOrder", "--force", "it")

    def renew(self):
        self.run("newOrder", "--force", "it")


class ModMd(Client):
    title, eab = "Apache mod_md", True
    challenges, wildcard = (HTTP, DNS, ALPN), (DNS,)

    def prepare(self):
        self.staged = self.folder / "md/staging" / self.names[0]
        self.live = self.folder / "md/domains" / self.names[0]
        # It runs as nobody, without our environment.
        hook = script(self.folder / "hook", f"""
file="{TXT}/_acme-challenge.$2"
case $1 in
setup) echo "$3" >>"$file" ;;
teardown) rm -f "$file" ;;
esac
""")
        kinds = {"rsa": "RSA 2048", "ec": "P-256"}
        bind = "" if not self.eab_key else \
            f"MDExternalAccountBinding {' '.join(self.eab_key)}"
        modules = "".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}"
            ".so\n" for name in ("mpm_event", "authz_core", "ssl",
                                 "socache_shmcb", "md"))
        self.config = self.folder / "httpd.conf"
        self.config.write_text(f"""ServerRoot {self.folder}
{modules}PidFile {self.folder}/pid
ErrorLog {self.folder}/error.log
LogLevel warn md:debug
User nobody
Group nogroup
ServerName localhost
Listen 127.0.0.1:80
Listen 127.0.0.1:443
Protocols h2 http/1.1 acme-tls/1
MDBaseServer off
MDStoreDir {self.folder}/md
MDCertificateAuthority {DIRECTORY}
MDCertificateAgreement accepted
MDContactEmail {EMAIL}
MDCACertificateFile {ROOT}
MDCAChallenges {self.case.challenge}
MDChallengeDns01 {hook}
MDPrivateKeys {kinds[self.case.key]}
MDRenewWindow 2159h
MDRetryDelay 1s
MDStapling off
{bind}
MDomain {' '.join(self.names)}
<VirtualHost 127.0.0.1:443>
ServerName {self.names[0].replace('*', 'www')}
ServerAlias {' '.join(self.names)}
DocumentRoot {self.folder}
SSLEngine on
</VirtualHost>
<VirtualHost 127.0.0.1:80>
ServerName plain.invalid
DocumentRoot {self.folder}
</VirtualHost>
""")
        self.folder.chmod(0o755)

    def file(self, folder, stem):
        """mod_md puts the name of a curve into the names of its files."""
        return next(iter(folder.glob(f"{stem}*.pem")), None)

    @property
    def chain(self):
        return self.file(self.live, "pubcert")

    @property
    def key(self):
        return self.file(self.live, "privkey")

    def serve(self, what, condition):
        with Background(self.folder / "out", "apache2", "-f", self.config,
                        "-DFOREGROUND"):
            wait_for(f"{what} of mod_md (see error.log)", condition)

    def staged_ready(self):
        job = self.staged / "job.json"
        return self.file(self.staged, "pubcert") is not None and \
            job.exists() and '"finished": true' in job.read_text()

    def obtain(self):
        """A first run orders and stages; the next start puts it to work."""
        before = self.chain and self.chain.read_bytes()
        self.serve("staged certificate", self.staged_ready)
        self.serve("new certificate", lambda: self.chain is not None and
                   self.chain.read_bytes() != before)


class Caddy(Client):
    title, eab = "Caddy", True
    challenges, ip = (HTTP, ALPN), ()

    def prepare(self):
        self.config = self.folder / "caddy.json"
        self.store = self.folder / "store"

    @property
    def chain(self):
        return next(iter(self.store.glob("certificates/*/*/*.crt")))

    @property
    def key(self):
        return next(iter(self.store.glob("certificates/*/*/*.key")))

    def write(self, ratio):
        import json
        issuer = {
            "module": "acme", "ca": DIRECTORY, "email": EMAIL,
            "trusted_roots_pem_files": [ROOT],
            "challenges": {"http": {"disabled": self.case.challenge != HTTP},
                           "tls-alpn": {"disabled":
                                        self.case.challenge != ALPN}}}
        if self.eab_key:
            issuer["external_account"] = {"key_id": self.eab_key[0],
                                          "mac_key": self.eab_key[1]}
        policy = {"subjects": self.names, "issuers": [issuer],
                  "renewal_window_ratio": ratio, "key_type":
                  {"rsa": "rsa2048", "ec": "p256"}[self.case.key]}
        self.config.write_text(json.dumps({
            "admin": {"disabled": True},
            "storage": {"module": "file_system", "root": str(self.store)},
            "apps": {
                "http": {"servers": {"it": {
                    "listen": ["127.0.0.1:443"],
                    "automatic_https": {"disable_redirects": True},
                    "routes": [{"match": [{"host": self.names}]}]},
                    "plain": {"listen": ["127.0.0.1:80"], "routes": []}}},
                "tls": {"automation": {"policies": [policy]}}}}))

    def serve(self, ratio, done):
        self.write(ratio)
        with Background(self.folder / "caddy.log", "caddy", "run",
                        "--config", self.config, HOME=str(self.folder),
                        XDG_DATA_HOME=str(self.folder),
                        XDG_CONFIG_HOME=str(self.folder)):
            wait_for("certificate of Caddy (see caddy.log)", done)

    def files(self):
        return {path: path.read_bytes() for path in
                self.store.glob("certificates/*/*/*.crt")}

    def obtain(self):
        self.serve(0.33, lambda: len(self.files()) == len(self.names))

    def renew(self):
        before = self.files()
        self.serve(0.9999, lambda: all(
            old != self.files().get(path) for path, old in before.items()))


class Ruby(Client):
    title = "ruby-acme-client"
    challenges, wildcard = (HTTP, DNS), (DNS,)

    def prepare(self):
        self.chain, self.key = self.folder / "chain.pem", \
            self.folder / "key.pem"
        (self.folder / "web").mkdir()

    def run(self):
        run("ruby", HERE / "ruby_client.rb", DIRECTORY, self.folder,
            self.case.challenge, self.case.key, *self.names,
            SSL_CERT_FILE=ROOT)

    def obtain(self):
        with Web(self.folder / "web"):
            self.run()


class XCrypto(Client):
    title, eab = "golang x/crypto/acme", True
    # Its certificates for tls-alpn-01 know no addresses.
    challenges, wildcard, ip = (HTTP, DNS, ALPN), (DNS,), (HTTP,)

    def prepare(self):
        self.chain, self.key = self.folder / "chain.pem", \
            self.folder / "key.pem"
        self.program = WORK / "xcrypto"
        if not self.program.exists():
            run("go", "build", "-o", self.program, HERE / "xcrypto.go",
                GO111MODULE="off", GOPATH="/usr/share/gocode",
                GOFLAGS="-p=2", GOCACHE=WORK / "gocache", timeout=600)

    def obtain(self):
        run(self.program, DIRECTORY, self.folder, self.case.challenge,
            self.case.key, ",".join(self.eab_key or ()), *self.names,
            SSL_CERT_FILE=ROOT)


CLIENTS = (Certbot, Lego, Uacme, Dehydrated, AcmeTiny, Acmetool, Lacme, ModMd,
           Caddy, Ruby, XCrypto)

if __name__ == "__main__":
    sys.exit("this is a part of tests/clients/run")
