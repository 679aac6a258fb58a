package org.poststack.liquibase;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.Map;

/**
 * A connection on which a whole Liquibase run is one PostgreSQL transaction, or each changeset together with its record
 * is one.
 *
 * <p>Liquibase commits twice in each changeset: its changes, then its record. Here a commit sets a savepoint, and a
 * rollback goes back to the last one, so that all that Liquibase can observe is the same; {@link #finish} and {@link
 * #abandon} decide about everything at once. The savepoint is also how it is known that a changeset has ended the
 * transaction by SQL of its own: PostgreSQL then has no savepoint of that name any more (SQLSTATE 3B001), or no
 * transaction at all (25P01).
 *
 * <p>A changeset with runInTransaction:false makes Liquibase switch autocommit on. That commits what came before for
 * real, since PostgreSQL runs such statements (CREATE INDEX CONCURRENTLY) only outside a transaction; so does the commit
 * which follows it, or the record of the changeset could be lost while its effect stays.
 */
final class Transaction implements InvocationHandler {
  private final Connection real;
  private final Report report;
  private final boolean whole;
  private final Outside outside;
  private Savepoint last;
  private boolean recordNext;
  private boolean durable;
  private Map<String, Object> partly;
  private boolean ended;
  private boolean told; // the ID of the transaction

  /** {@code whole}: all changesets are one transaction; else each is one. It begins with {@link #begin}. */
  Transaction(Connection real, Report report, boolean whole) throws SQLException {
    real.setAutoCommit(false);
    this.real = real;
    this.report = report;
    this.whole = whole;
    this.outside = new Outside(real);
  }

  /** Begins the transaction. */
  void begin() throws SQLException {
    real.setAutoCommit(false); // a changeset outside the transaction may have failed
    last = real.setSavepoint();
  }

  /** The connection for Liquibase. Closing it does nothing. */
  Connection connection() {
    return proxy(Connection.class, this);
  }

  /** Commits everything. */
  void finish() throws SQLException {
    if (!real.getAutoCommit()) {
      checkpoint();
      commitForReal();
    }
  }

  /** Undoes everything since the last real commit, and tells whether anything was committed before. */
  boolean abandon() throws SQLException {
    if (!real.getAutoCommit()) {
      rollback();
      real.rollback();
    }
    return durable || ended;
  }

  /** Whether a changeset has ended the transaction by itself. */
  boolean ended() {
    return ended;
  }

  /** Sets the name of Liquibase's table, quoted and with its schema. */
  void table(String name) {
    outside.table(name);
  }

  /** What stays of a changeset that ran outside the transaction and failed, or null. */
  Map<String, Object> partly() {
    return partly;
  }

  @Override
  public Object invoke(Object proxy, Method method, Object[] args) throws Throwable {
    switch (method.getName()) {
      case "commit":
        commit();
        return null;
      case "rollback":
        if (args == null) {
          rollback();
          return null;
        }
        break;
      case "setAutoCommit":
        setAutoCommit((Boolean) args[0]);
        return null;
      case "close":
        return null;
      case "createStatement":
        Statement statement = (Statement) call(real, method, args);
        return proxy(Statement.class, (p, m, a) -> {
          if (m.getName().equals("close") && !statement.isClosed()) {
            report.warnings(statement.getWarnings());
          }
          return call(statement, m, a);
        });
      default:
        break;
    }
    return call(real, method, args);
  }

  private static Object call(Object target, Method method, Object[] args) throws Throwable {
    try {
      return method.invoke(target, args);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private static <T> T proxy(Class<T> type, InvocationHandler handler) {
    return type.cast(Proxy.newProxyInstance(Transaction.class.getClassLoader(), new Class<?>[] {type}, handler));
  }

  private void commit() throws SQLException {
    if (last == null) {
      return; // not begun: Liquibase has only looked
    }
    checkpoint();
    if (recordNext || (!whole && report.recorded())) {
      if (recordNext) {
        partly = outside.end(report.changing(), report.ran());
        recordNext = false;
      }
      commitForReal();
      last = real.setSavepoint();
    }
  }

  // Checks the deferred constraints, so that who violates one is known, and sets the next savepoint.
  private void checkpoint() throws SQLException {
    try {
      Constraints.check(real);
      real.releaseSavepoint(last);
    } catch (SQLException e) {
      if (!gone(e)) {
        throw e;
      }
      ended = true;
      throw new EndedException(e);
    }
    last = real.setSavepoint();
    if (!told) {
      tell();
    }
  }

  // Tells the transaction's ID once it has one: whoever started this can ask what became of it, whatever happens here.
  private void tell() throws SQLException {
    try (Statement statement = real.createStatement();
        ResultSet rows = statement.executeQuery("select txid_current_if_assigned()")) {
      rows.next();
      long id = rows.getLong(1);
      if (!rows.wasNull()) {
        tell(id);
        told = true;
      }
    }
  }

  private void tell(long id) {
    Map<String, Object> event = Report.event("transaction", null);
    event.put("xid", id);
    report.emit(event);
  }

  private void rollback() throws SQLException {
    if (real.getAutoCommit() || last == null) {
      return;
    }
    try {
      real.rollback(last);
    } catch (SQLException e) {
      if (!gone(e)) {
        throw e;
      }
      ended = true;
      real.rollback();
    }
  }

  private static boolean gone(SQLException e) {
    return "3B001".equals(e.getSQLState()) || "25P01".equals(e.getSQLState());
  }

  private void setAutoCommit(boolean on) throws SQLException {
    if (last == null || on == real.getAutoCommit()) {
      return;
    }
    if (on) {
      checkpoint();
      outside.begin(report.current());
      commitForReal();
      real.setAutoCommit(true);
    } else {
      real.setAutoCommit(false);
      last = real.setSavepoint();
      recordNext = true;
    }
  }

  private void commitForReal() throws SQLException {
    real.commit();
    durable = true;
    told = false;
    tell(0); // the next has none yet
  }

  /** A changeset has ended the transaction that it ran in. */
  static final class EndedException extends SQLException {
    private static final long serialVersionUID = 1;

    EndedException(SQLException cause) {
      super(
          "it ended the transaction that it runs in, by COMMIT, ROLLBACK or the like in its SQL", cause.getSQLState(), cause);
    }
  }
}
