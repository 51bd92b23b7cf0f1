package task

import "time"

// putWhole writes a batch for a sink that keeps offsets with its data. The sink moves
// them when no record is left that it has marked, so that a dead letter is safe before
// the offsets pass its record: a crash between the two repeats the letter.
func (ses *session) putWhole(w *work) error {
	s := ses.s
	for {
		if err := sendLetters(ses.hard, s.letters, w.letters); err != nil {
			return err
		}
		w.letters = w.letters[:0]
		put := time.Now()
		err := s.sink.Write(ses.hard, w.batch)
		s.cfg.Stats.Put(time.Since(put))
		if err != nil {
			w.letters, err = stopped(s.policy, w.batch, w.letters, err)
			return err
		}
		if len(w.batch.Failed()) == 0 {
			return nil
		}
		if w.letters, err = s.policy.settle(w.batch, w.letters); err != nil {
			return err
		}
	}
}
