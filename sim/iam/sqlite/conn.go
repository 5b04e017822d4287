package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"io"

	modernc "modernc.org/sqlite"
)

// A connector opens connections to the database of that name.
type connector struct{ name string }

var _ driver.Connector = connector{}

// Driver implements driver.Connector.
func (connector) Driver() driver.Driver { return &modernc.Driver{} }

// Connect implements driver.Connector.
func (c connector) Connect(context.Context) (driver.Conn, error) {
	opened, err := c.Driver().Open(c.name)
	if err != nil {
		return nil, err
	}
	return &conn{session: opened.(session), statements: map[string]statement{}}, nil
}

// conn is the driver's connection with the statements that have run on it. They are few, and to parse one costs more than
// to run it. Package database/sql is only the pool: its transactions leave a failed COMMIT open, and its statements cost as
// much again as the driver's. Statements run without the caller's context, so that no cancellation cuts a COMMIT short.
type conn struct {
	session
	statements map[string]statement
	lazy       bool // a commit does not wait for the disk
}

// session is what package database/sql uses of a connection.
type session interface {
	driver.Conn
	driver.SessionResetter
	driver.Validator
}

// statement is the driver's prepared statement.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// Close implements driver.Conn.
func (c *conn) Close() error {
	var errs []error
	for _, s := range c.statements {
		errs = append(errs, s.Close())
	}
	c.statements = nil
	return errors.Join(append(errs, c.session.Close())...)
}

// statement returns the statement of a query, which must be a constant text: it stays as long as the connection.
func (c *conn) statement(query string) (statement, error) {
	if s, ok := c.statements[query]; ok {
		return s, nil
	}
	prepared, err := c.Prepare(query)
	if err != nil {
		return nil, err
	}
	s := prepared.(statement)
	c.statements[query] = s
	return s, nil
}

// wait says whether a commit waits for the disk from now on. SQLite obeys when it parses this, so the statement is not
// one to keep.
func (c *conn) wait(full bool) error {
	if full == !c.lazy {
		return nil
	}
	pragma := "PRAGMA synchronous = NORMAL"
	if full {
		pragma = "PRAGMA synchronous = FULL"
	}
	s, err := c.Prepare(pragma)
	if err != nil {
		return err
	}
	_, err = s.(statement).ExecContext(context.Background(), nil)
	if err = cmp.Or(err, s.Close()); err == nil {
		c.lazy = !full
	}
	return err
}

func execute(c *conn, query string, args ...driver.Value) error {
	s, err := c.statement(query)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(context.Background(), numbered(args))
	return err
}

// each hands the rows of a query to visit until it returns false. The values are the caller's to keep.
func each(c *conn, query string, visit func(row []driver.Value) bool, args ...driver.Value) (err error) {
	s, err := c.statement(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(context.Background(), numbered(args))
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
