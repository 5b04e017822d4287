#!/bin/sh
# build.sh: makes the guest of what Debian serves today, and prints the folder that holds it: a kernel, the first files, which
# find the disk, and the disk. What has been made of the same packages by the same script is taken again.
set -eu

kernel=linux-image-amd64 # the full flavour: the one for clouds has no vhci-hcd
packages="busybox-static udev fido2-tools python3-fido2 openssh-client openssh-server pamu2fcfg libpam-u2f pamtester usbip chromium podman runc"

# What a Debian kernel has as modules, in the order in which they are loaded: first what the disk needs.
disk="drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci_modern_dev
	drivers/virtio/virtio_pci drivers/block/virtio_blk lib/crc16 fs/mbcache fs/jbd2/jbd2 crypto/crc32c_generic fs/ext4/ext4"
keys="drivers/hid/hid drivers/hid/hid-generic drivers/hid/uhid drivers/usb/common/usb-common drivers/usb/core/usbcore
	drivers/hid/usbhid/usbhid drivers/usb/usbip/usbip-core drivers/usb/usbip/vhci-hcd"

script=$(cat "$0")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mfalab/guest

# Asking apt for versions takes it a second. While it has the same lists it has the same answer.
lists=$( (echo "$script"; cat /var/lib/apt/lists/*InRelease 2>/dev/null) | sha256sum)
for guest in "$cache"/*/; do
	if [ "$(cat "$guest/lists" 2>/dev/null)" = "$lists" ]; then
		touch "$guest" # used today
		echo "${guest%/}"
		exit
	fi
done

PATH=$PATH:/sbin:/usr/sbin
for tool in apt-get mmdebstrap cpio mke2fs xz; do
	command -v $tool >/dev/null ||
		{ echo "build.sh: there is no $tool here; \`make test-kernel\` installs it on Debian" >&2; exit 1; }
done
mkdir -p "$cache"
work=$(mktemp -d "$cache/.making.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

# apt PROGRAM ARGUMENTS: runs one of apt's programs. A mirror that hiccups is asked again.
own=
apt() {
	program=$1
	shift
	"$program" -o Acquire::Retries=5 -o APT::Sandbox::User=root ${own:+-o "Dir::State::lists=$own/lists" -o "Dir::Cache=$own"} "$@"
}

# update gets lists of our own, where the machine has none, or so old ones that the mirror no longer has what they name.
update() {
	own=$work/apt
	mkdir -p "$own/lists/partial" "$own/archives/partial"
	apt apt-get -qq update >&2
}

# served tells what apt would take. Without lists it knows what is installed, and no kernel.
served() {
	apt apt-cache show $kernel >/dev/null 2>&1 &&
		apt apt-cache show --no-all-versions $kernel $packages 2>/dev/null | grep -E '^(Package|Version|Depends):'
}
served=$(served) || { update && served=$(served); } ||
	{ echo "build.sh: apt knows none of the packages, and its mirror tells of none: see /etc/apt/sources.list" >&2; exit 1; }
made=$(printf '%s\n' "$served" "$script" | sha256sum | cut -c1-16)
if [ -d "$cache/$made" ]; then
	echo "$lists" >"$cache/$made/lists"
	touch "$cache/$made"
	echo "$cache/$made"
	exit
fi

mkdir -p guest first/modules first/bin first/disk first/proc first/dev
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")

# kernel fetches the kernel and its modules.
kernel() {
	download() { apt apt-get -qq download "$(apt apt-cache depends $kernel | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p')"; }
	download || { update && download; }
	dpkg-deb --fsys-tarfile linux-image-*.deb | tar -x --wildcards './boot/vmlinuz-*' $(printf './lib/modules/*/kernel/%s.ko ' $disk $keys)
	for m in $disk $keys; do
		cp lib/modules/*/kernel/$m.ko first/modules/
	done
	for m in $disk; do
		echo "${m##*/}" >>first/modules/order
	done
	# Unpacked here, once: a guest that does so itself takes six seconds longer to boot. See Documentation/x86/boot.rst for the
	# header's fields setup_sects, payload_offset and payload_length; the payload's last four bytes are its length when unpacked.
	field() { od -A n -t u$2 -j $(($1)) -N $2 boot/vmlinuz-* | tr -d ' '; }
	tail -c +$((($(field 0x1f1 1) + 1) * 512 + $(field 0x248 4) + 1)) boot/vmlinuz-* |
		head -c $(($(field 0x24c 4) - 4)) | xz -dc >guest/vmlinux
}

# root unpacks the packages into a disk. None of their scripts runs, so what those would write is written here.
root() {
	mmdebstrap --quiet --aptopt='Acquire::Retries "5"' --variant=extract --format=null --include="$(echo $packages | tr ' ' ,)" \
		--extract-hook='cd "$1" && rm -rf usr/share/doc usr/share/man usr/share/locale usr/share/icons usr/share/bash-completion \
				var/cache/apt var/lib/apt/lists usr/lib/*/libLLVM* usr/lib/*/dri &&
			busybox=$(ls bin/busybox) && for b in $(./$busybox --list); do
				[ -e bin/$b ] || [ -e sbin/$b ] || [ -e usr/bin/$b ] || [ -e usr/sbin/$b ] || ln -s /bin/busybox bin/$b; done &&
			mkdir -p proc sys dev run tmp root test modules etc/pam.d var/empty &&
			printf "%s\n" root:x:0:0::/root:/bin/sh alice:x:1000:1000::/tmp:/bin/sh sshd:x:101:65534::/run/sshd:/bin/false >etc/passwd &&
			printf "%s\n" root:x:0: plugdev:x:46:alice alice:x:1000: nogroup:x:65534: >etc/group &&
			for g in tty disk dialout kmem lp audio video render cdrom tape sgx kvm input; do echo $g:x:9$(wc -l <etc/group):; done >>etc/group &&
			echo 127.0.0.1 localhost guest >etc/hosts && echo guest >etc/hostname && echo 6d66616c61620000000000000000cafe >etc/machine-id &&
			mke2fs -q -t ext4 -O ^has_journal -m 0 -d . "$1.disk" $(($(du -sm . | cut -f1) * 9 / 8 + 64))M && mv "$1.disk" disk' \
		--extract-hook="download /disk $work/guest/disk" \
		--extract-hook="download /bin/busybox $work/first/bin/busybox" \
		"$suite"
	chmod +x first/bin/busybox
}

{
	kernel &
	root
	wait $!
	(cd first && find . | cpio --quiet -o -H newc -R 0:0) >guest/first.cpio
	echo "$lists" >guest/lists
} >&2
# Others may be in use by another checkout, so that they go when nobody has wanted them for two days, and all at once.
find "$cache" -mindepth 1 -maxdepth 1 -mtime +1 | while read -r old; do
	mv -T "$old" "$work/old" && rm -rf "$work/old"
done
mv -T guest "$cache/$made" 2>/dev/null || [ -d "$cache/$made" ] # somebody else may have made it in the meantime
echo "$cache/$made"
