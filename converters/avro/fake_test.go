package avro

import "net/http"

type (
	srfakeWriter  = http.ResponseWriter
	srfakeRequest = *http.Request
)
