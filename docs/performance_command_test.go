package docs_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/control"
	"github.com/mfalab/mfalab/sim/live"
)

var commandFigures = []figure{{
	what:  "`mfalab demo`, built",
	bound: below(0.5e9, "0.5 s"),
	show:  span,
	how:   "From the start of the process to its end, the output going nowhere; it has to end with status 0.",
	measure: func(t *testing.T) measured {
		program := build(t)
		return repeatedly(t, func(t *testing.T) float64 { return wall(t, program, "demo") })
	},
}, {
	what:  "`mfalab up`, ready",
	bound: below(200e6, "200 ms"),
	show:  span,
	how: "From the start of the process, in a directory that does not exist yet, until `/healthz` has answered: account, root,\n" +
		"administrator and access key are made and stored in that time. The port is a free one, read from `owner.json`, which is\n" +
		"looked for every millisecond.",
	measure: func(t *testing.T) measured {
		program := build(t)
		return repeatedly(t, func(t *testing.T) float64 {
			p := up(t, program)
			p.down(t)
			return float64(p.ready.Nanoseconds())
		})
	},
}, {
	what:  "`mfalab up`, resident memory when idle",
	bound: below(60<<20, "60 MiB"),
	show:  mebibytes,
	how: "`VmRSS` of the process two seconds after a short use: a fob made, pressed and enrolled, one session with a code. The\n" +
		"pages of the program file that are in use are part of it.",
	measure: memory,
}, {
	what:  "`mfalab reset` of a lab with 100 users",
	bound: below(50e6, "50 ms"),
	show:  span,
	how: "From the start of the command to its end, while `mfalab up` runs the lab. Each of the 100 users has an access key and an\n" +
		"enrolled fob, whose state lies in a file of its own; they are loaded anew before each round.",
	measure: resets,
}}

// build builds the command.
func build(t *testing.T) (program string) {
	program = filepath.Join(t.TempDir(), "mfalab")
	out, err := exec.Command("go", "build", "-o", program, "../cmd/mfalab").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// wall runs a command and returns how long it took, in nanoseconds.
func wall(t *testing.T, program string, args ...string) float64 {
	cmd := exec.CommandContext(t.Context(), program, args...)
	var said strings.Builder
	cmd.Stderr = &said
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	require.NoError(t, err, said.String())
	return float64(took.Nanoseconds())
}

// A process is a lab that `mfalab up` runs.
type process struct {
	cmd     *exec.Cmd
	program string
	dir     string
	ready   time.Duration
	owner   live.Owner
	api     *control.Client
}

// up starts a new lab and waits until it is ready. The process ends with the test at the latest.
func up(t *testing.T, program string) *process {
	p := &process{program: program, dir: filepath.Join(t.TempDir(), "lab")}
	p.cmd = exec.Command(program, "up", "--listen", "127.0.0.1:0", "--dir", p.dir)
	var said strings.Builder
	p.cmd.Stderr = &said
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.cmd.Process.Kill()
			p.cmd.Wait()
		}
	})
	for time.Since(began) < time.Minute {
		var err error
		if p.owner, err = live.ReadOwner(p.dir); err == nil && healthy(t.Context(), p.owner.URL) {
			p.ready = time.Since(began)
			p.api = control.Dial(p.owner.URL, "")
			return p
		}
		<-tick.C
	}
	require.Fail(t, "the lab is not ready", said.String())
	return nil
}

func healthy(ctx context.Context, url string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

func (p *process) down(t *testing.T) {
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	require.NoError(t, p.cmd.Wait())
}

func memory(t *testing.T) measured {
	p := up(t, build(t))
	defer p.down(t)
	var keys live.Credentials
	require.NoError(t, p.api.Get(t.Context(), "/v1/credentials", &keys))
	c := dial(t, strings.TrimPrefix(p.owner.URL, "http://"), keys.Users[live.Administrator])
	var fob live.Shown
	require.NoError(t, p.api.Post(t.Context(), "/v1/fobs", live.FobSpec{}, &fob))
	press := func() string {
		require.NoError(t, p.api.Post(t.Context(), "/v1/fobs/"+fob.Serial+"/press", live.PressOptions{Next: true}, &fob))
		return fob.Code
	}
	first, second := press(), press()
	c.send(t, c.request(t, time.Now(), "iam", "EnableMFADevice", "UserName", live.Administrator, "SerialNumber", fob.Serial,
		"AuthenticationCode1", first, "AuthenticationCode2", second))
	c.send(t, c.request(t, time.Now(), "sts", "GetSessionToken", "SerialNumber", fob.Serial, "TokenCode", press()))
	<-time.NewTimer(2 * time.Second).C
	return measured{samples: []sample{{value: p.memory(t, "VmRSS")}}, aside: "At its highest it was " + mebibytes(p.memory(t, "VmHWM")) + "."}
}

// memory returns a line of the process's status, in bytes.
func (p *process) memory(t *testing.T, line string) float64 {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(b), line+":")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	require.NoError(t, err)
	return kib * 1024
}

const users = 100

func resets(t *testing.T) measured {
	crowd := crowd(t)
	p := up(t, build(t))
	defer p.down(t)
	fobs := func() int {
		var s control.Status
		require.NoError(t, p.api.Get(t.Context(), "/v1/status", &s))
		return s.Fobs
	}
	return repeatedly(t, func(t *testing.T) float64 {
		require.NoError(t, p.api.Post(t.Context(), "/v1/load", crowd, nil))
		require.Equal(t, users, fobs())
		took := wall(t, p.program, "reset", "--dir", p.dir)
		require.Zero(t, fobs())
		return took
	})
}

// crowd returns a saved lab of that many users.
func crowd(t *testing.T) *live.Snapshot {
	plan := &live.Plan{}
	for n := range users {
		serial := serialOf(n)
		plan.Fobs = append(plan.Fobs, live.PlanFob{FobSpec: live.FobSpec{Serial: serial}})
		plan.Users = append(plan.Users, live.PlanUser{Name: "user-" + strconv.Itoa(n), AccessKey: true, Fobs: []string{serial}})
	}
	lab, err := live.Open(t.Context(), live.Options{Dir: t.TempDir(), Ephemeral: true, Seed: "performance", Plan: plan})
	require.NoError(t, err)
	s, err := lab.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, lab.Close())
	s.Plan = nil // a reset would follow it again
	return s
}

func serialOf(n int) string { return "GAHT" + strconv.Itoa(10000000+n) }
