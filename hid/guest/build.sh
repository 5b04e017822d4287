#!/bin/sh
# build.sh: makes the guest, a kernel and a root, of what Debian serves today, and prints the folder that holds them. What
# has been made of the same packages by the same script is taken again.
set -eu

kernel=linux-image-amd64 # the full flavour: the one for clouds has no vhci-hcd
packages="busybox-static udev fido2-tools python3-fido2 openssh-client openssh-server pamu2fcfg libpam-u2f pamtester usbip"

# What a Debian kernel has as modules; init loads the first three, and who wants USB the rest.
modules="hid/hid hid/hid-generic hid/uhid usb/common/usb-common usb/core/usbcore hid/usbhid/usbhid usb/usbip/usbip-core
	usb/usbip/vhci-hcd"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/mfalab/guest

# Asking apt for versions takes it a second. While it has the same lists it has the same answer.
lists=$(cat "$0" /var/lib/apt/lists/*InRelease 2>/dev/null | sha256sum)
for guest in "$cache"/*/; do
	if [ "$(cat "$guest/lists" 2>/dev/null)" = "$lists" ]; then
		echo "${guest%/}"
		exit
	fi
done

for tool in apt-get mmdebstrap cpio; do
	command -v $tool >/dev/null || { echo "build.sh: there is no $tool here; \`make test-kernel\` installs it on Debian" >&2; exit 1; }
done
served=$(apt-cache show --no-all-versions $kernel $packages 2>/dev/null | grep -E '^(Package|Version|Depends):') ||
	{ echo "build.sh: apt knows none of the packages: run 'apt-get update' as root once" >&2; exit 1; }
made=$(printf '%s\n' "$served" | cat - "$0" | sha256sum | cut -c1-16)
if [ -d "$cache/$made" ]; then
	echo "$lists" >"$cache/$made/lists"
	echo "$cache/$made"
	exit
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/.making.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
{
	image=$(apt-cache depends $kernel | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p')
	apt-get -qq -o APT::Sandbox::User=root download "$image"
	dpkg-deb -x linux-image-*.deb kernel
	mkdir -p root/modules guest
	cp kernel/boot/vmlinuz-* guest/vmlinuz
	for m in $modules; do
		cp kernel/lib/modules/*/kernel/drivers/$m.ko root/modules/
	done

	# Packages are unpacked and none of their scripts runs, so what those would write is written here.
	mmdebstrap --quiet --variant=extract --format=null --include="$(echo $packages | tr ' ' ,)" \
		--extract-hook="copy-in root/modules /" \
		--extract-hook='cd "$1" && rm -rf usr/share/doc usr/share/man usr/share/locale usr/share/bash-completion &&
			busybox=$(ls bin/busybox) && for b in $(./$busybox --list); do
				[ -e bin/$b ] || [ -e sbin/$b ] || [ -e usr/bin/$b ] || [ -e usr/sbin/$b ] || ln -s /bin/busybox bin/$b; done &&
			mkdir -p proc sys dev run tmp root etc/pam.d var/empty &&
			printf "%s\n" root:x:0:0::/root:/bin/sh alice:x:1000:1000::/tmp:/bin/sh sshd:x:101:65534::/run/sshd:/bin/false >etc/passwd &&
			printf "%s\n" root:x:0: plugdev:x:46:alice alice:x:1000: nogroup:x:65534: >etc/group &&
			for g in tty disk dialout kmem lp audio video render cdrom tape sgx kvm input; do echo $g:x:9$(wc -l <etc/group):; done >>etc/group &&
			echo 127.0.0.1 localhost guest >etc/hosts && echo guest >etc/hostname && echo 6d66616c61620000000000000000cafe >etc/machine-id &&
			find . -path ./var/lib/apt -prune -o -path ./var/cache -prune -o -xdev ! -name root.cpio -print | cpio --quiet -o -H newc -R 0:0 >root.cpio' \
		--extract-hook="download /root.cpio $work/guest/root.cpio" \
		"$suite"
	[ -s guest/root.cpio ]
	echo "$lists" >guest/lists
} >&2
for old in "$cache"/*/; do
	rm -rf "$old"
done
mv guest "$cache/$made"
echo "$cache/$made"
