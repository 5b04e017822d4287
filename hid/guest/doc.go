// Package guest shows programs keys in a real kernel, where the machine's own has no such drivers, as those that run tests
// rarely have: a guest under QEMU's software emulation, made of Debian's packages by build.sh and thrown away when it has said
// what came of it.
//
//	build.sh      makes the kernel and the disk, once for as long as Debian serves the same
//	init          the guest's first process
//	guest_test    boots guests with the scripts of testdata
//	testdata/     what runs inside: scripts that drive real clients
//	inside_test   what runs inside: Go's side of a hidraw node
//	browser_test  what runs inside: a page, and Chromium before it
//
// `make test-kernel` runs them; go test alone leaves them out.
package guest
