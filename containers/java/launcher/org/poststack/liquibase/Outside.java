package org.poststack.liquibase;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeSet;
import liquibase.changelog.ChangeSet;

/**
 * Remembers a changeset that runs outside the transaction, with runInTransaction:false, as the comment on Liquibase's
 * table, from before its first statement until it is recorded. Whatever ends the run between these two, the next one
 * knows that a part of it may be in the database already.
 */
final class Outside {
  private static final String PREFIX = "poststack partly applied: ";

  private final Connection real;
  private String table;
  private ChangeSet set;
  private TreeSet<String> invalidBefore;

  Outside(Connection real) {
    this.real = real;
  }

  /** Sets the name of Liquibase's table, quoted and with its schema: a changeset may set another search path. */
  void table(String name) {
    table = name;
  }

  /** The changeset begins. What is written is committed together with all that came before. */
  void begin(ChangeSet set) throws SQLException {
    this.set = set;
    invalidBefore = invalid();
    write(describe(null, null));
  }

  /**
   * The changeset has ended; if it failed, {@code ran} of its statements have run before. What is written is for the caller to
   * commit. Returns what stays of a failed one, or null.
   */
  Map<String, Object> end(boolean failed, int ran) throws SQLException {
    if (set == null) {
      return null;
    }
    TreeSet<String> left = invalid();
    left.removeAll(invalidBefore);
    boolean parts = failed && (ran > 0 || !left.isEmpty());
    Map<String, Object> known = parts ? describe(ran, String.join(", ", left)) : null;
    set = null;
    write(known);
    return known;
  }

  private void write(Map<String, Object> known) throws SQLException {
    Savepoint here = real.setSavepoint();
    try {
      remember(known);
    } catch (SQLException e) { // it is another role's table
      real.rollback(here);
      System.err.println("liquibase: remember a changeset outside the transaction: " + e.getMessage());
    }
  }

  private Map<String, Object> describe(Integer ran, String indexes) {
    Map<String, Object> known = new LinkedHashMap<>();
    known.put("file", set.getFilePath());
    known.put("id", set.getId());
    known.put("author", set.getAuthor());
    known.put("ran", ran);
    known.put("indexes", indexes == null || indexes.isEmpty() ? null : indexes);
    return known;
  }

  private void remember(Map<String, Object> known) throws SQLException {
    String text = known == null ? "null" : "E'" + (PREFIX + Report.json(known)).replace("\\", "\\\\").replace("'", "''") + "'";
    try (Statement statement = real.createStatement()) {
      statement.execute("comment on table " + table + " is " + text);
    }
  }

  // Indexes that CREATE INDEX CONCURRENTLY left invalid, or is still making.
  private TreeSet<String> invalid() throws SQLException {
    TreeSet<String> names = new TreeSet<>();
    try (Statement statement = real.createStatement();
        ResultSet rows =
            statement.executeQuery(
                "select i.indexrelid::regclass::text from pg_index i join pg_class c on c.oid = i.indexrelid"
                    + " where not i.indisvalid and c.relkind = 'i'")) {
      while (rows.next()) {
        names.add(rows.getString(1));
      }
    }
    return names;
  }
}
