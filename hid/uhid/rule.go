package uhid

// RulePath is where udev wants what Rule returns: before 73-seat-late.rules, which acts on the tag.
const RulePath = "/etc/udev/rules.d/70-mfalab.rules"

// Rule returns a udev rule that lets mfalab run, and its keys be used, without root: by who sits at the machine, and by the
// group plugdev. It touches no hidraw node but those of uhid devices that say they are on USB.
func Rule() string {
	return `# Keys of mfalab without root. Save as ` + RulePath + `, then:
#   modprobe uhid && udevadm control --reload && udevadm trigger --subsystem-match=misc --sysname-match=uhid
# To load the module at every start: echo uhid > /etc/modules-load.d/mfalab.conf
# Who may open /dev/uhid can plug in any HID device, a keyboard included.
SUBSYSTEM=="misc", KERNEL=="uhid", GROUP="plugdev", MODE="0660", TAG+="uaccess", OPTIONS+="static_node=uhid"
SUBSYSTEM=="hidraw", DEVPATH=="/devices/virtual/misc/uhid/0003:*", GROUP="plugdev", MODE="0660", TAG+="uaccess"
`
}
