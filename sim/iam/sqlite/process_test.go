package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// The test binary plays another program when these are set: which one, and with which file.
const (
	roleVariable = "MFALAB_SQLITE_ROLE"
	fileVariable = "MFALAB_SQLITE_FILE"
)

func TestMain(m *testing.M) {
	role := map[string]func(iam.Store) error{"half": writeHalf, "count": countForEver}[os.Getenv(roleVariable)]
	if role == nil {
		os.Exit(m.Run())
	}
	s, err := Open(os.Getenv(fileVariable))
	if err == nil {
		err = role(s)
	}
	fmt.Println(err)
	os.Exit(1)
}

// writeHalf commits one record, writes more than its cache holds in a second Update, and stays inside it.
func writeHalf(s iam.Store) error {
	ctx := context.Background()
	if err := s.Update(ctx, func(tx iam.Tx) error { return tx.Put("user", "alice", []byte("whole")) }); err != nil {
		return err
	}
	return s.Update(ctx, func(tx iam.Tx) error {
		if err := tx.Put("user", "alice", []byte("half")); err != nil {
			return err
		}
		for i := range 64 {
			if err := tx.Put("user", "half "+strconv.Itoa(i), make([]byte, writerKiB<<10/16)); err != nil {
				return err
			}
		}
		fmt.Println("half")
		_, err := os.Stdin.Read(make([]byte, 1))
		return err
	})
}

// countForEver says each number once its commit has returned.
func countForEver(s iam.Store) error {
	for n := 1; ; n++ {
		number := []byte(strconv.Itoa(n))
		if err := s.Update(context.Background(), func(tx iam.Tx) error {
			if err := tx.Put("user", "first", number); err != nil {
				return err
			}
			return tx.Put("user", "second", number)
		}); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// program is the test binary in a role.
type program struct {
	*exec.Cmd
	lines *bufio.Scanner
}

func start(t *testing.T, role, path string) *program {
	p := &program{Cmd: exec.Command(os.Args[0])}
	p.Env = append(os.Environ(), roleVariable+"="+role, fileVariable+"="+path)
	_, err := p.StdinPipe()
	require.NoError(t, err)
	out, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	p.lines = bufio.NewScanner(out)
	return p
}

// kill ends it as kill -9 does and returns the last line it said, last if there was none.
func (p *program) kill(t *testing.T, last string) string {
	require.NoError(t, p.Process.Kill())
	for p.lines.Scan() {
		last = p.lines.Text()
	}
	require.Error(t, p.Wait())
	return last
}

func TestAProgramKilledInsideAnUpdateLeavesNothingHalfDone(t *testing.T) {
	path := newPath(t)
	p := start(t, "half", path)
	require.True(t, p.lines.Scan())
	require.Equal(t, "half", p.lines.Text())
	info, err := os.Stat(path + "-wal")
	require.NoError(t, err)
	require.Greater(t, info.Size(), int64(writerKiB<<10), "the update has not reached the disk: the test shows nothing")

	_, err = open(path, options{patience: 10 * time.Millisecond})
	require.ErrorContains(t, err, "another program is writing to it: end that program or try again")

	p.kill(t, "")
	s := openAt(t, path, options{})
	require.Equal(t, map[string]string{"alice": "whole"}, all(t, s))
	put(t, s, "alice", "next")
}

func TestCommitsThatReturnedOutliveTheirProgram(t *testing.T) {
	for _, commits := range []int{1, 10, 100, 1000} { // the last beyond the first move of the WAL into the file
		path := newPath(t)
		p := start(t, "count", path)
		for n := 1; n <= commits; n++ {
			require.True(t, p.lines.Scan())
			require.Equal(t, strconv.Itoa(n), p.lines.Text())
		}
		said, err := strconv.Atoi(p.kill(t, strconv.Itoa(commits)))
		require.NoError(t, err)

		found := all(t, openAt(t, path, options{}))
		kept, err := strconv.Atoi(found["first"])
		require.NoError(t, err)
		require.Equal(t, found["first"], found["second"])
		require.Contains(t, []int{said, said + 1}, kept, "killed between the commit and the word")
	}
}
