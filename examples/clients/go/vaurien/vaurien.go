// Package vaurien arms behaviors of Vaurien, beside a client of Toxiproxy, which does the rest.
package vaurien

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// Client is a client of the control API at URL. Token is the one that Vaurien was started with, if there is one.
type Client struct{ URL, Token string }

// Fault is a behavior that was applied to a request.
type Fault struct{ Behavior, Request string }

// Create makes a proxy that speaks a protocol, which behaviors need. Port 0 of listen takes a free one.
func (c *Client) Create(name, listen, upstream, protocol string) error {
	body := map[string]string{"name": name, "listen": listen, "upstream": upstream, "protocol": protocol}
	return c.call("POST", "/proxies", body, nil)
}

// Arm arms one behavior, or several by weight, with options: 20:error,10:delay(match="GET *", sleep=200ms).
func (c *Client) Arm(proxy, behavior string) error {
	return c.call("PUT", path(proxy, "behavior"), map[string]string{"behavior": behavior}, nil)
}

// TakeFault returns the next fault since behaviors were last armed, or nil if there is none.
func (c *Client) TakeFault(proxy string) (*Fault, error) {
	var taken struct{ Fault *Fault }
	err := c.call("POST", path(proxy, "faults/take"), nil, &taken)
	return taken.Fault, err
}

func path(proxy, rest string) string { return "/proxies/" + url.PathEscape(proxy) + "/" + rest }

func (c *Client) call(method, path string, body, answer any) error {
	content, _ := json.Marshal(body)
	request, err := http.NewRequest(method, c.URL+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var text bytes.Buffer
	if _, err = text.ReadFrom(response.Body); err == nil && response.StatusCode >= 400 {
		err = fmt.Errorf("%s: %s", response.Status, text.String())
	} else if err == nil && answer != nil {
		err = json.Unmarshal(text.Bytes(), answer)
	}
	return err
}
