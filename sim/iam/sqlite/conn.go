package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"io"
)

// conn is the driver's connection. Package database/sql is only the pool: its transactions leave a failed COMMIT open,
// and its statements cost as much again as the driver's, which parses the text each time either way. Statements run
// without the caller's context, so that no cancellation cuts a COMMIT short.
type conn interface {
	driver.ExecerContext
	driver.QueryerContext
}

func execute(c conn, query string, args ...driver.Value) error {
	_, err := c.ExecContext(context.Background(), query, numbered(args))
	return err
}

// each hands the rows of a query to visit until it returns false. The values are the caller's to keep.
func each(c conn, query string, visit func(row []driver.Value) bool, args ...driver.Value) (err error) {
	rows, err := c.QueryContext(context.Background(), query, numbered(args))
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, rows.Close()) }() // Close repeats the error of the last row
	row := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(row); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case !visit(row):
			return nil
		}
	}
}

func numbered(args []driver.Value) []driver.NamedValue {
	named := make([]driver.NamedValue, len(args))
	for i, v := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return named
}
