package org.poststack.liquibase;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * Checks constraints where a commit would. In one transaction for all changesets a deferred constraint would be checked
 * at the very end, when nobody knows any more who has violated it, and what waits for it would keep later changesets
 * from altering the table (SQLSTATE 55006).
 */
final class Constraints {
  private static final String DEFERRED =
      "select string_agg(distinct format('%I.%I', n.nspname, c.conname), ', ') from pg_constraint c"
          + " join pg_namespace n on n.oid = c.connamespace where c.condeferred";

  private Constraints() {}

  /** Checks all that wait, and leaves each as it is at the beginning of a transaction. */
  static void check(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("set constraints all immediate");
      String names;
      try (ResultSet rows = statement.executeQuery(DEFERRED)) {
        names = rows.next() ? rows.getString(1) : null;
      }
      if (names != null) {
        statement.execute("set constraints " + names + " deferred");
      }
    }
  }
}
