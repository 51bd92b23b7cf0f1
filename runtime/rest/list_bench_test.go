package rest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"culvert/configs"
	"culvert/runtime/rest"
)

// BenchmarkListExpanded lists 1,000 connectors with two tasks each and both
// expansions: what a user interface asks for at every refresh. The aim is 50 ms on
// one core (-cpu 1).
func BenchmarkListExpanded(b *testing.B) {
	for _, masked := range []bool{false, true} {
		b.Run(fmt.Sprintf("masked=%v", masked), func(b *testing.B) {
			h := startHerder(b)
			file, err := configs.Read("mongodb-sink")
			if err != nil {
				b.Fatal(err)
			}
			for i := range 1000 {
				file.Config["name"] = fmt.Sprintf("connector-%d", i)
				if _, err := h.Create(b.Context(), file.Config["name"], file.Config, ""); err != nil {
					b.Fatal(err)
				}
			}
			m := newMemory(b)
			s := rest.New(rest.Config{Herder: h, Validator: validatorOf(m), MaskPasswords: masked})
			list := func() string {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/connectors?expand=info&expand=status", nil))
				return w.Body.String()
			}
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
				if n := strings.Count(list(), `"state":"RUNNING"`); n == 3000 {
					break
				} else if time.Now().After(deadline) {
					b.Fatalf("%d of 3000 run", n)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				list()
			}
		})
	}
}
