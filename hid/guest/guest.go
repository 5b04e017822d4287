package guest

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed build.sh
var build []byte

//go:embed init
var first []byte

// A Guest is a kernel with a root file system, in a folder that build.sh has made. Guests that are booted from it change
// nothing in it.
type Guest struct{ dir string }

// Build returns the guest of what Debian serves today: made anew, which takes a minute and wants apt, mmdebstrap, cpio, xz and
// mke2fs; or the one that was made before, where nothing has changed since. cache is the folder to keep it in, "" the user's own.
func Build(ctx context.Context, cache string) (Guest, error) {
	dir, err := os.MkdirTemp("", "mfalab-guest")
	if err != nil {
		return Guest{}, err
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "build.sh")
	if err := os.WriteFile(script, build, 0o644); err != nil {
		return Guest{}, err
	}
	cmd := exec.CommandContext(ctx, "sh", script)
	cmd.Env = os.Environ()
	if cache != "" {
		cmd.Env = append(cmd.Env, "XDG_CACHE_HOME="+cache)
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	made, err := cmd.Output()
	if err != nil {
		return Guest{}, fmt.Errorf("guest: build.sh: %w\n%s", err, &said)
	}
	return Guest{strings.TrimSpace(string(made))}, nil
}

// Boot runs tree's script test/run in a guest with one processor and memory MiB, where what is in tree/test is found in /test,
// and returns what came over its console and the script's status. It is an error, with what was said until then, if the guest
// ends without a status: it panicked, or took longer than limit seconds or ctx allow.
//
// One processor, as an emulated one wakes another only by a detour through the machine's own: a report's way through the kernel
// then costs ten times as much. A program that hangs in the kernel for two minutes ends the guest. A /dev/kvm may be there that
// no stock kernel gets far on, so the software emulation is asked for by name.
func (g Guest) Boot(ctx context.Context, tree string, memory, limit int) (said string, status int, err error) {
	dir, err := os.MkdirTemp("", "mfalab-guest")
	if err != nil {
		return "", 0, err
	}
	defer os.RemoveAll(dir)
	initrd, result := filepath.Join(dir, "initrd"), filepath.Join(dir, "status")
	if err := g.load(ctx, initrd, tree); err != nil {
		return "", 0, fmt.Errorf("guest: %w", err)
	}
	// timeout outlives whoever called, and so ends a guest that nobody waits for any more.
	cmd := exec.CommandContext(ctx, "timeout", "-s", "KILL", strconv.Itoa(limit), "qemu-system-x86_64", "-M", "q35",
		"-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", strconv.Itoa(memory), "-nodefaults", "-no-user-config",
		"-nographic", "-no-reboot", "-serial", "stdio", "-serial", "file:"+result,
		"-drive", "file="+filepath.Join(g.dir, "disk")+",format=raw,if=virtio,snapshot=on",
		"-kernel", filepath.Join(g.dir, "vmlinux"), "-initrd", initrd,
		"-append", "console=ttyS0 quiet panic=-1 sysctl.kernel.hung_task_panic=1 mitigations=off rdinit=/init")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	said = strings.ReplaceAll(out.String(), "\r\n", "\n")
	text, _ := os.ReadFile(result)
	status, none := strconv.Atoi(strings.TrimSpace(string(text)))
	switch {
	case err != nil:
		return said, 0, fmt.Errorf("guest: it was stopped, after %d s at most: %w", limit, err)
	case none != nil:
		return said, 0, fmt.Errorf("guest: it ended without a status, %q", text)
	}
	return said, status, nil
}

// load makes the initial file system: what finds the disk, and after it init and the files of the test.
func (g Guest) load(ctx context.Context, initrd, tree string) error {
	own := initrd + ".d"
	if err := os.Mkdir(own, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(own, "init"), first, 0o755); err != nil {
		return err
	}
	var said bytes.Buffer
	pack := exec.CommandContext(ctx, "sh", "-ec", `cat "$1/first.cpio"
		for tree in "$2" "$3"; do cd "$tree"; find . | cpio --quiet -o -H newc -R 0:0; done`, "sh", g.dir, own, tree)
	out, err := os.Create(initrd)
	if err != nil {
		return err
	}
	defer out.Close()
	pack.Stdout, pack.Stderr = out, &said
	if err := pack.Run(); err != nil {
		return fmt.Errorf("cpio: %w: %s", err, &said)
	}
	return nil
}
