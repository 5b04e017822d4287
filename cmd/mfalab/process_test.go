package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
)

// program returns this test's own program, to be run as mfalab in a process of its own.
func program(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "MFALAB_TEST_MAIN=1", "MFALAB_DIR=")
	return cmd
}

// output runs a command to its end and returns its status and what it printed.
func output(t *testing.T, cmd *exec.Cmd) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		require.IsType(t, &exec.ExitError{}, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// detached starts a lab in the background on a free port and ends it when the test does.
func detached(t *testing.T, flags ...string) (dir string, owner live.Owner) {
	t.Helper()
	dir = t.TempDir()
	args := append([]string{"up", "--detach", "--listen", "127.0.0.1:0"}, flags...)
	status, out, errs := output(t, program(t, dir, args...))
	require.Zero(t, status, errs)
	require.Contains(t, out, "mfalab is ready at http://127.0.0.1:")
	owner, err := live.ReadOwner(filepath.Join(dir, ".mfalab"))
	require.NoError(t, err)
	t.Cleanup(func() {
		if live.Owned(filepath.Join(dir, ".mfalab")) {
			status, _, errs := output(t, program(t, dir, "down"))
			require.Zero(t, status, errs)
		}
	})
	return dir, owner
}

func TestUpDetachedAnswersAndGoesDown(t *testing.T) {
	dir, owner := detached(t)
	resp, err := http.Get(owner.URL + "/healthz")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)

	log, err := os.ReadFile(filepath.Join(dir, ".mfalab", "up.log"))
	require.NoError(t, err)
	require.Empty(t, log, "the greeting holds a key")

	status, _, errs := output(t, program(t, dir, "down"))
	require.Zero(t, status, errs)
	require.False(t, live.Owned(filepath.Join(dir, ".mfalab")))
	status, _, errs = output(t, program(t, dir, "down"))
	require.Equal(t, 1, status)
	require.Contains(t, errs, "no lab runs in")
}

func TestWhatALabHoldsOutlivesIt(t *testing.T) {
	dir, _ := detached(t, "--seed", "7")
	_, serial, _ := output(t, program(t, dir, "fob", "new"))
	_, code, _ := output(t, program(t, dir, "fob", "press", strings.TrimSpace(serial), "--next"))
	_, _, _ = output(t, program(t, dir, "down"))

	// Without an owner the same verbs open the lab themselves.
	status, list, errs := output(t, program(t, dir, "fob", "list"))
	require.Zero(t, status, errs)
	require.Contains(t, list, strings.TrimSpace(serial))
	_, next, _ := output(t, program(t, dir, "fob", "press", strings.TrimSpace(serial), "--next"))
	require.NotEqual(t, code, next, "a step was given out twice")
}

func TestTheSameSeedGivesTheSameLab(t *testing.T) {
	var labs [2]string
	for i := range labs {
		dir, _ := detached(t, "--seed", "same")
		_, serial, _ := output(t, program(t, dir, "fob", "new"))
		_, peek, _ := output(t, program(t, dir, "fob", "peek", strings.TrimSpace(serial), "--step", "59061240"))
		keys, err := os.ReadFile(filepath.Join(dir, ".mfalab", "credentials.json"))
		require.NoError(t, err)
		labs[i] = serial + peek + string(keys)
	}
	require.Equal(t, labs[0], labs[1])
}

func TestTwoLabsOnOneDirectory(t *testing.T) {
	dir, owner := detached(t)
	status, _, errs := output(t, program(t, dir, "up", "--listen", "127.0.0.1:0"))
	require.Equal(t, 1, status)
	require.Contains(t, errs, owner.URL)
	require.Contains(t, errs, "mfalab: hint: use it, or end it with `mfalab down`")
	status, _, errs = output(t, program(t, dir, "up", "--detach"))
	require.Equal(t, 1, status)
	require.Contains(t, errs, owner.URL)
}

func TestAPortInUseLeavesNoTrace(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	dir := t.TempDir()
	status, _, errs := output(t, program(t, dir, "up", "--listen", l.Addr().String()))
	require.Equal(t, 1, status)
	require.Contains(t, errs, "cannot listen on "+l.Addr().String())
	require.Contains(t, errs, "mfalab: hint: `mfalab up --listen 127.0.0.1:0` takes a free port")
	require.NoDirExists(t, filepath.Join(dir, ".mfalab"))
}

func TestAKilledOwnersLabIsTakenOver(t *testing.T) {
	dir, owner := detached(t)
	_, serial, _ := output(t, program(t, dir, "fob", "new"))
	p, err := os.FindProcess(owner.PID)
	require.NoError(t, err)
	require.NoError(t, p.Kill())
	// The kernel gives the lock back when the process has ended; a command waits for that.
	status, list, errs := output(t, program(t, dir, "fob", "list"))
	require.Zero(t, status, errs)
	require.Contains(t, list, strings.TrimSpace(serial))
}

func TestForeignHostsAndOriginsAreRefused(t *testing.T) {
	_, owner := detached(t)
	for _, header := range []map[string]string{
		{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"},
	} {
		req, err := http.NewRequest(http.MethodPost, owner.URL+"/v1/clock/advance", strings.NewReader(`{"by":"1h"}`))
		require.NoError(t, err)
		for k, v := range header {
			req.Header.Set(k, v)
		}
		req.Host = header["Host"]
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusForbidden, resp.StatusCode, header)
	}
	var clock control.Clock
	require.NoError(t, control.Dial(owner.URL, "").Get(t.Context(), "/v1/clock", &clock))
	require.WithinDuration(t, clock.Wall, clock.Lab, 1, "a refused request moved the clock")
}

func TestALabBeyondLoopbackAsksForItsToken(t *testing.T) {
	dir, owner := detached(t, "--listen", "0.0.0.0:0")
	require.NotEmpty(t, owner.Token)
	err := control.Dial(owner.URL, "").Get(t.Context(), "/v1/credentials", nil)
	require.ErrorContains(t, err, "control token")
	status, _, errs := output(t, program(t, dir, "status"))
	require.Zero(t, status, errs)
}

func TestUpForACommand(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("left out: the commands here are a POSIX shell's")
	}
	t.Run("it sees the lab and its status is ours", func(t *testing.T) {
		dir := t.TempDir()
		status, out, errs := output(t, program(t, dir, "up", "--", "sh", "-c", `echo "$AWS_ENDPOINT_URL|$HTTPS_PROXY|${AWS_PROFILE-unset}"; exit 7`))
		require.Equal(t, 7, status, errs)
		url, rest, _ := strings.Cut(strings.TrimSpace(out), "|")
		require.True(t, strings.HasPrefix(url, "http://127.0.0.1:"), out)
		require.Equal(t, url+"|unset", rest)
		require.NoDirExists(t, filepath.Join(dir, ".mfalab"))
	})
	t.Run("a signal's status is the shell's", func(t *testing.T) {
		status, _, _ := output(t, program(t, t.TempDir(), "up", "--", "sh", "-c", "kill -TERM $$"))
		require.Equal(t, 128+int(syscall.SIGTERM), status)
	})
	t.Run("a signal that comes while the lab is being made ends the command", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "lab")
		cmd := program(t, filepath.Dir(dir), "up", "--dir", dir, "--", "sleep", "600")
		require.NoError(t, cmd.Start())
		// The directory is there long before the command is.
		for _, err := os.Stat(dir); err != nil; _, err = os.Stat(dir) {
			runtime.Gosched()
		}
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		require.Error(t, cmd.Wait())
		require.Equal(t, 128+int(syscall.SIGTERM), cmd.ProcessState.ExitCode())
	})
	t.Run("nothing of another place's credentials or endpoints is left", func(t *testing.T) {
		cmd := program(t, t.TempDir(), "up", "--", "env")
		for _, name := range strays {
			cmd.Env = append(cmd.Env, name+"=stray")
		}
		status, out, errs := output(t, cmd)
		require.Zero(t, status, errs)
		require.NotContains(t, out, "stray")
	})
	t.Run("a command that there is not", func(t *testing.T) {
		status, _, errs := output(t, program(t, t.TempDir(), "up", "--", "no-such-command-here"))
		require.Equal(t, 1, status)
		require.Contains(t, errs, `cannot run "no-such-command-here"`)
	})
	t.Run("a command without the dashes", func(t *testing.T) {
		status, _, errs := output(t, program(t, t.TempDir(), "up", "true"))
		require.Equal(t, 2, status)
		require.Contains(t, errs, "`mfalab up -- true`")
	})
}

func TestUpFollowsAPlan(t *testing.T) {
	dir := t.TempDir()
	plan := filepath.Join(dir, "plan.json")
	require.NoError(t, os.WriteFile(plan, []byte(`{
		"account": "210987654321", "alias": "acme", "weaken": ["replay"],
		"fobs": [{"serial": "GAHT00000001"}, {"count": 2}],
		"users": [{"name": "alice", "accessKey": true, "fobs": ["GAHT00000001"]}]
	}`), 0o600))
	home, owner := detached(t, "--init", plan)
	var st control.Status
	require.NoError(t, control.Dial(owner.URL, "").Get(t.Context(), "/v1/status", &st))
	require.Equal(t, "210987654321", st.Account)
	require.Equal(t, 3, st.Fobs)
	require.Equal(t, []string{"replay"}, st.Weakened)
	_, env, errs := output(t, program(t, home, "env", "--user", "alice", "--json"))
	require.Contains(t, errs, "weakened on purpose: replay")
	var list []variable
	require.NoError(t, json.Unmarshal([]byte(env), &list))

	require.NoError(t, os.WriteFile(plan, []byte(`{"acount": "1"}`), 0o600))
	status, _, errs := output(t, program(t, t.TempDir(), "up", "--listen", "127.0.0.1:0", "--init", plan))
	require.Equal(t, 1, status)
	require.Contains(t, errs, `unknown field "acount"`)
}

func TestExitStatusAndHelp(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"demo"}, 0, ""},
		{[]string{"demo", "--weaken", "replay"}, 1, "the code was accepted"},
		{[]string{"demo", "--weaken", "origin"}, 1, "the signature was accepted"},
		{[]string{"demo", "--weaken", "nonsense"}, 2, "replay"},
		{[]string{"status"}, 1, "there is no lab in"},
		{[]string{"up", "--clock", "sundial"}, 2, "give lab, wall or still"},
		{[]string{"run"}, 2, "`mfalab run` takes FILE|FOLDER..., and was given nothing"},
		{[]string{"run", "nowhere.txtar"}, 2, "nowhere.txtar"},
		{[]string{"--help"}, 0, ""},
		{[]string{"completion", "bash"}, 0, ""},
		{[]string{"completion"}, 0, ""},
		{[]string{"completion", "nosuch"}, 2, `unknown command "nosuch"`},
	} {
		status, _, errs := mfalab(t, t.TempDir(), c.args...)
		require.Equal(t, c.status, status, "%v: %s", c.args, errs)
		require.Contains(t, errs, c.says)
	}
}

func TestAnInterruptionIsCalledOne(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("left out: there is no SIGTERM to send")
	}
	dir := t.TempDir()
	status, _, errs := mfalab(t, dir, "fob", "new")
	require.Zero(t, status, errs)
	cmd := program(t, dir, "wait", "10h")
	var said bytes.Buffer
	cmd.Stderr = &said
	require.NoError(t, cmd.Start())
	for !live.Owned(filepath.Join(dir, ".mfalab")) {
		runtime.Gosched()
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Error(t, cmd.Wait())
	require.Equal(t, 1, cmd.ProcessState.ExitCode())
	require.Equal(t, "mfalab: error: interrupted\n", said.String())
}

func TestScenariosOfAWeakenedLabSaySo(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.txtar"), []byte("mfalab clock now\n"), 0o600))
	status, _, errs := mfalab(t, dir, "run", "a.txtar", "--weaken", "replay")
	require.Zero(t, status, errs)
	require.Contains(t, errs, "weakened on purpose: replay")
	status, _, errs = mfalab(t, dir, "run", "a.txtar", "--weaken", "nonsense")
	require.Equal(t, 2, status)
	require.Contains(t, errs, "nonsense")
}

func TestTheDemoIsToldFromTheJournal(t *testing.T) {
	status, out, errs := mfalab(t, t.TempDir(), "demo")
	require.Zero(t, status, errs)
	want, err := os.ReadFile("testdata/demo.txt")
	require.NoError(t, err)
	require.Equal(t, string(want), out, "run `mfalab demo > cmd/mfalab/testdata/demo.txt` when the story was meant to change")
}

// adminKeys reads the administrator's access key where the lab keeps it.
func adminKeys(t *testing.T, dir string) live.Key {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, ".mfalab", "credentials.json"))
	require.NoError(t, err)
	var c live.Credentials
	require.NoError(t, json.Unmarshal(b, &c))
	return c.Users[live.Administrator]
}
