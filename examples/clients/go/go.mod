module example.com/shop

go 1.22

require github.com/Shopify/toxiproxy/v2 v2.12.0
