package rest

import (
	"encoding/json"
	"net/http"

	"culvert/data"
	"culvert/runtime/store"
)

// offsetInfo is one partition with its offset.
type offsetInfo struct {
	Partition json.RawMessage `json:"partition"`
	Offset    json.RawMessage `json:"offset"`
}

type offsetsInfo struct {
	Offsets []offsetInfo `json:"offsets"`
}

func (s *Server) getOffsets(w http.ResponseWriter, r *http.Request) error {
	marks, err := s.Herder.Offsets(r.Context(), pathVar(r, "connector"))
	if err != nil {
		return err
	}
	all := offsetsInfo{Offsets: []offsetInfo{}}
	for _, m := range marks {
		all.Offsets = append(all.Offsets, offsetInfo{store.AppendJSON(nil, m.Partition), store.AppendJSON(nil, m.Next)})
	}
	return reply(w, http.StatusOK, all)
}

// message is the answer of a change of offsets.
type message struct {
	Message string `json:"message"`
}

func (s *Server) alterOffsets(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	marks, err := parseOffsets(body)
	if err != nil {
		return err
	}
	text, err := s.Herder.AlterOffsets(r.Context(), pathVar(r, "connector"), marks)
	if err != nil {
		return s.forward(w, r, body, err)
	}
	return reply(w, http.StatusOK, message{text})
}

func (s *Server) resetOffsets(w http.ResponseWriter, r *http.Request) error {
	text, err := s.Herder.ResetOffsets(r.Context(), pathVar(r, "connector"))
	if err != nil {
		return s.forward(w, r, nil, err)
	}
	return reply(w, http.StatusOK, message{text})
}

// parseOffsets reads {"offsets":[{"partition":{…},"offset":{…}},…]}. Partition and
// offset are Maps or null; which of them may be null is the connector's business.
func parseOffsets(raw []byte) ([]data.Mark, error) {
	var list []json.RawMessage
	err := object(raw, func(name string, value json.RawMessage) error {
		if name != "offsets" {
			return badRequest("Unrecognized field %q: the body has one member, offsets", name)
		}
		if json.Unmarshal(value, &list) != nil {
			return badRequest("offsets is not a list")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, badRequest("Partitions / offsets need to be provided for an alter offsets request")
	}
	marks := make([]data.Mark, len(list))
	for i, one := range list {
		err := object(one, func(name string, value json.RawMessage) error {
			v, err := store.ParseJSON(value)
			if err != nil || v.Kind() != data.Map && !v.IsNull() {
				return badRequest("%s of entry %d is not an object", name, i)
			}
			switch name {
			case "partition":
				marks[i].Partition = v
			case "offset":
				marks[i].Next = v
			default:
				return badRequest("Unrecognized field %q: an entry has partition and offset", name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return marks, nil
}
