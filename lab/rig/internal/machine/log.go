package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Log is the kernel's ring buffer: what a person reads when a machine does not come up.
type Log struct {
	mu   sync.Mutex
	file *os.File
	now  func() time.Time
}

func openLog(path string, now func() time.Time) (*Log, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}

	file, err := os.Create(path)

	return &Log{file: file, now: now}, err
}

// Printf adds a line as the user facility of a kernel log.
func (l *Log) Printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()

	fmt.Fprintf(l.file, "user: warning: [%s]: [talos] %s\n", //nolint:errcheck // a lost log line stops nothing
		l.now().UTC().Format(time.RFC3339Nano), fmt.Sprintf(format, args...))
}

// Path of the file behind the log.
func (l *Log) Path() string { return l.file.Name() }

func (l *Log) close() { _ = l.file.Close() }
