"""What a program sees through libudev. With the argument "monitor" it prints, once it is told to go on, what was plugged in
and out and still is, one device each time that the descriptor is readable, until hidraw3 comes; else it prints the devices."""

import ctypes, os, select, sys

u = ctypes.CDLL("libudev.so.1")


def call(name, *args, restype=ctypes.c_void_p):
    f = u[name]
    f.restype = restype
    return f(*(ctypes.c_void_p(a) if isinstance(a, int) else a for a in args))


def text(name, *args):
    s = call(name, *args, restype=ctypes.c_char_p)
    return None if s is None else s.decode()


def say(d, *words):
    print(*words, text("udev_device_get_subsystem", d), text("udev_device_get_devtype", d), text("udev_device_get_sysname", d),
          text("udev_device_get_devnode", d), text("udev_device_get_action", d), flush=True)


def devices(ctx, *filters):
    e = call("udev_enumerate_new", ctx)
    for name, *args in filters:
        call("udev_enumerate_add_" + name, e, *args)
    call("udev_enumerate_scan_devices", e)
    entry = call("udev_enumerate_get_list_entry", e)
    while entry:
        yield text("udev_list_entry_get_name", entry)
        entry = call("udev_list_entry_get_next", entry)
    call("udev_enumerate_unref", e)


ctx = call("udev_new")
if sys.argv[1:] == ["monitor"]:
    m = call("udev_monitor_new_from_netlink", ctx, b"udev")
    call("udev_monitor_filter_add_match_subsystem_devtype", m, b"hidraw", None)
    call("udev_monitor_enable_receiving", m)
    fd = call("udev_monitor_get_fd", m, restype=ctypes.c_int)
    assert not call("udev_monitor_receive_device", m)
    print("ready", flush=True)
    sys.stdin.readline()
    last = None
    while last != "hidraw3":
        select.select([fd], [], [])
        d = call("udev_monitor_receive_device", m)
        if not d:
            continue
        last = text("udev_device_get_sysname", d)
        say(d)
        call("udev_device_unref", d)
    call("udev_monitor_unref", m)
    sys.exit()

for path in devices(ctx, ("match_subsystem", b"hidraw")):
    d = call("udev_device_new_from_syspath", ctx, path.encode())
    say(d)
    print(text("udev_device_get_property_value", d, b"ID_FIDO_TOKEN"), text("udev_device_get_property_value", d, b"NONE"))
    hid = call("udev_device_get_parent", d)
    say(hid, "below")
    print(*(text("udev_device_get_property_value", hid, k) for k in (b"HID_ID", b"HID_NAME", b"HID_UNIQ")), sep="|")
    assert os.path.exists(text("udev_device_get_syspath", hid) + "/report_descriptor")
    assert text("udev_device_get_sysattr_value", hid, b"uevent").endswith("HID_UNIQ=00000007")
    usb = call("udev_device_get_parent_with_subsystem_devtype", d, b"usb", b"usb_device")
    say(usb, "below")
    print(*(text("udev_device_get_sysattr_value", usb, k)
            for k in (b"idVendor", b"idProduct", b"bcdDevice", b"manufacturer", b"product", b"serial", b"none")), sep="|")
    assert not call("udev_device_get_parent", usb)
    call("udev_device_unref", d)

ours = set(devices(ctx, ("match_subsystem", b"hidraw")))
everything = set(devices(ctx))
print("with no filter:", ours <= everything, "and the system's own:", len(everything - ours) > 0)
print("another subsystem:", ours & set(devices(ctx, ("match_subsystem", b"net"))))
for name, *args in (("match_property", b"ID_FIDO_TOKEN", b"1"), ("match_property", b"ID_FIDO_TOKEN", b"0"),
                    ("match_sysname", b"hidraw0"), ("match_sysname", b"event*"), ("match_sysattr", b"dev", b"4095:*"),
                    ("nomatch_subsystem", b"hidraw"), ("match_tag", b"uaccess")):
    print(name, *args, len(ours & set(devices(ctx, (name, *args)))))
call("udev_unref", ctx)
