// Toxics through Toxiproxy's client, behaviors through package vaurien, for a backend that speaks HTTP:
//
//	vaurien --server
//	go mod tidy && VAURIEN_URL=http://localhost:8474 go run . localhost:80
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"

	"example.com/shop/vaurien"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func get(url string) int {
	response, err := http.Get(url)
	check(err)
	response.Body.Close()
	return response.StatusCode
}

func main() {
	faults := vaurien.Client{URL: os.Getenv("VAURIEN_URL"), Token: os.Getenv("VAURIEN_TOKEN")}
	check(faults.Create("go", "localhost:0", os.Args[1], "http"))
	proxy, err := toxiproxy.NewClient(faults.URL).Proxy("go")
	check(err)
	defer proxy.Delete()

	_, err = proxy.AddToxic("late", "latency", "downstream", 1, toxiproxy.Attributes{"latency": 10})
	check(err)
	url := "http://" + proxy.Listen + "/"
	fmt.Println("late:", get(url))

	check(faults.Arm("go", "error(match='GET *', code=503)"))
	fmt.Println("armed:", get(url))
	fault, err := faults.TakeFault("go")
	check(err)
	fmt.Println("fault:", fault.Behavior, "on", fault.Request)
	check(faults.Arm("go", "dummy"))
	fmt.Println("disarmed:", get(url))
	fmt.Println("a mistake:", faults.Arm("go", "eror"))
}
