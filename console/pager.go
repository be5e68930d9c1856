package console

import "strconv"

// rowsPerPage is how many rows of a list a page shows.
const rowsPerPage = 100

// pager is a part of a list.
type pager struct {
	Page         *page
	Number, Last int // from 1
	From, To     int // the first and the last row, from 1
	Total        int
}

// Previous and Next are the numbers of the pages beside this one.
func (p pager) Previous() int { return p.Number - 1 }

// Next is the number of the page after this one.
func (p pager) Next() int { return p.Number + 1 }

// paged returns the rows of a list that the page shows.
func paged[T any](p *page, rows []T) ([]T, pager) {
	last := max(1, (len(rows)+rowsPerPage-1)/rowsPerPage)
	number, _ := strconv.Atoi(p.Query("page")) // anything else is the first page
	number = min(max(1, number), last)
	from := (number - 1) * rowsPerPage
	to := min(from+rowsPerPage, len(rows))
	return rows[from:to], pager{Page: p, Number: number, Last: last, From: from + 1, To: to, Total: len(rows)}
}
