package workload

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// powerDNSClient speaks to the API of a PowerDNS in the cluster.
type powerDNSClient struct {
	pod         *Pod
	server, key string
}

func (c *powerDNSClient) call(ctx context.Context, method, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}

	request, err := http.NewRequestWithContext(ctx, method, c.server+powerDNSServer+path, bytes.NewReader(text))
	if err != nil {
		return err
	}

	request.Header.Set("X-API-Key", c.key)

	answer, err := c.pod.HTTP().Do(request)
	if err != nil {
		return err
	}

	defer answer.Body.Close() //nolint:errcheck // read to its end

	text, err = io.ReadAll(answer.Body)
	if err != nil {
		return err
	}

	if answer.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, bytes.TrimSpace(text))
	}

	if into == nil {
		return nil
	}

	return json.Unmarshal(text, into)
}
