// Package guest has nothing to import: its tests show that keys reach programs through the kernel's own drivers. Machines that
// run tests rarely have those, so that the tests bring a kernel along: a guest under QEMU's software emulation, made of
// Debian's packages by build.sh and thrown away when it has said what came of it.
//
//	build.sh     makes the kernel and the root, once for as long as Debian serves the same
//	init         the guest's first process
//	testdata/    what runs inside: scripts that drive real clients
//	inside_test  what runs inside: Go's side of a hidraw node
//	guest_test   boots the guest with these, and takes its status
//
// `make test-kernel` runs them; go test alone leaves them out.
package guest
