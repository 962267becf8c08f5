package workload

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// passwordSpec is what of a Password's fields is used.
type passwordSpec struct {
	Length      int    `json:"length"`
	Digits      *int   `json:"digits"`
	Symbols     *int   `json:"symbols"`
	NoUpper     bool   `json:"noUpper"`
	AllowRepeat bool   `json:"allowRepeat"`
	Encoding    string `json:"encoding"`
}

const (
	lowerLetters = "abcdefghijklmnopqrstuvwxyz"
	upperLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digitsOfTen  = "0123456789"
)

// generate makes a password: a quarter of it digits unless it says how many, the rest letters.
func (p passwordSpec) generate() (string, error) {
	if p.Symbols == nil || *p.Symbols != 0 || !p.AllowRepeat || p.Encoding != "" && p.Encoding != "raw" {
		return "", errors.New("only a password without symbols, raw and with repetition can be made here")
	}

	digits := p.Length / 4
	if p.Digits != nil {
		digits = *p.Digits
	}

	if digits > p.Length {
		return "", fmt.Errorf("%d digits are more than all %d of its characters", digits, p.Length)
	}

	letters := lowerLetters
	if !p.NoUpper {
		letters += upperLetters
	}

	text := make([]byte, 0, p.Length)

	for len(text) < p.Length {
		from := letters
		if len(text) < digits {
			from = digitsOfTen
		}

		which, err := below(len(from))
		if err != nil {
			return "", err
		}

		// Wherever it goes: digits are as likely at the end as at the beginning.
		place, err := below(len(text) + 1)
		if err != nil {
			return "", err
		}

		text = slices.Insert(text, place, from[which])
	}

	return string(text), nil
}

func below(limit int) (int, error) {
	number, err := rand.Int(rand.Reader, big.NewInt(int64(limit)))
	if err != nil {
		return 0, err
	}

	return int(number.Int64()), nil
}
