package machine

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// console shows every machine's lines in one place, each with its name; a boot begins the ring
// buffer anew, but not the console.
var console = log.New(os.Stderr, "", 0)

// Log is the kernel's ring buffer: what a person reads when a machine does not come up.
type Log struct {
	name string
	mu   sync.Mutex
	file *os.File
	now  func() time.Time
}

func openLog(name, path string, now func() time.Time) (*Log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}

	file, err := os.Create(path)

	return &Log{name: name, file: file, now: now}, err
}

// Printf adds a line as the user facility of a kernel log.
func (l *Log) Printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()

	at, text := l.now().UTC(), fmt.Sprintf(format, args...)
	fmt.Fprintf(l.file, "user: warning: [%s]: [talos] %s\n", at.Format(time.RFC3339Nano), text) //nolint:errcheck // a lost log line stops nothing
	console.Printf("%s %s: %s", at.Format(time.TimeOnly), l.name, text)
}

// Path of the file behind the log.
func (l *Log) Path() string { return l.file.Name() }

func (l *Log) close() { _ = l.file.Close() }
