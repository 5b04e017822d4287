# build the program, test everything with the real clients, measure, check. POSIX make and sh.

GO = go

# What the tests drive and build with, by the names of Debian's packages: the clients; and a C compiler, for the race detector
# and, with OpenSSL, for the reference implementation of TPM 2.0.
PACKAGES = awscli python3-boto3 oathtool zbar-tools qrencode pskctool stoken python3-pskc librsvg2-bin gcc libc6-dev libssl-dev \
	fido2-tools swtpm tpm2-tools tshark python3-fido2 pamu2fcfg libpam-u2f pamtester openssh-client openssh-server chromium firefox-esr \
	openssl $(GUEST_PACKAGES)

# What makes a guest with a kernel of its own, and runs it.
GUEST_PACKAGES = qemu-system-x86 mmdebstrap cpio xz-utils e2fsprogs

# Packages whose tests live in the database, where the race detector makes them many times slower: SQLite is C turned
# into Go, and every access to its memory is watched. The callers of the store are raced over the store in memory. And the
# pictures that qr reads, of which every pixel would be watched, and the key, whose power fails at every write of thousands,
# although neither has a goroutine. AWS's client of EC2, which takes two minutes to compile, is compiled once. The tests of
# the console and the portal sign in hundreds of times, and hashing passwords is slow under the detector: those that do two
# things at once are raced.
UNRACED = /(u2f|sim/ec2|sim/iam/sqlite|sim/console|sim/portal|sim/portal/site|cmd/mfalab|docs|token/seedfile/qr)$$

# Its guests take a core each, so that it is run alone.
ALONE = /hid/guest$$

# Longer than any of them takes on two slow cores: a limit for what hangs, not for what is slow.
TIMEOUT = 20m

.PHONY: build test test-race test-plain test-kernel bench lint packages

# One after the other, so that the first failure is the last thing that one reads.
.NOTPARALLEL:

# Where a C compiler is at hand the program takes the preload shim along, so that it needs none where it runs.
build:
	-$(GO) generate ./hid/sock
	$(GO) build -trimpath -o mfalab ./cmd/mfalab

test: packages lint test-race test-plain test-kernel

test-race:
	MFALAB_CLIENTS=required $(GO) test -race -timeout $(TIMEOUT) $$($(GO) list ./... | grep -Ev '$(UNRACED)|$(ALONE)')
	$(GO) test -race -timeout $(TIMEOUT) -run 'AtOnce|NoMoreTries|UnderARace|SentTwice' ./sim/console ./sim/portal/...

test-plain:
	MFALAB_CLIENTS=required $(GO) test -timeout $(TIMEOUT) $$($(GO) list ./... | grep -E '$(UNRACED)')

# Boots a Debian guest under software emulation, and shows there that programs find keys in a real kernel.
test-kernel: PACKAGES = $(GUEST_PACKAGES)
test-kernel: packages
	MFALAB_CLIENTS=required $(GO) test -count=1 -v -timeout 30m ./hid/guest

# Writes docs/performance.md anew; it fails where a figure is not reached.
bench:
	$(GO) test ./docs -run '^TestPerformance$$' -count=1 -timeout 30m -update

lint:
	@echo gofmt -l .; unformatted=$$(gofmt -l .) && if [ -n "$$unformatted" ]; then \
		echo "lint: not as gofmt writes it:" $$unformatted >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# Asks dpkg alone where nothing is missing, so that it needs neither root nor a network then. Node.js, which runs a relying
# party of JavaScript's, may also have come another way. A mirror that hiccups is asked again, and another apt, which a machine
# may run when it has just started, is waited for.
packages:
	@echo "packages: $(PACKAGES)"; missing=; for p in $(PACKAGES); do \
		case $$(dpkg-query -W -f '$${Status}' $$p 2>/dev/null) in \
		*' installed') ;; \
		*) missing="$$missing $$p" ;; \
		esac; \
	done; \
	command -v npm >/dev/null && command -v node >/dev/null || missing="$$missing nodejs npm"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
		echo "packages: missing:$$missing: there is no apt-get here to install them with; install them another way" \
			"and run 'go test ./...'" >&2; exit 1; fi; \
	root=; if [ "$$(id -u)" -ne 0 ]; then \
		if ! command -v sudo >/dev/null; then \
			echo "packages: missing:$$missing: run 'make packages' as root once" >&2; exit 1; fi; \
		root=sudo; fi; \
	patient="-o Acquire::Retries=5 -o DPkg::Lock::Timeout=600"; set -ex; \
	$$root apt-get $$patient update -qq; \
	$$root env DEBIAN_FRONTEND=noninteractive apt-get $$patient install -y --no-install-recommends $$missing
