package org.poststack.liquibase;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;

/**
 * A connection on which a whole Liquibase run is one PostgreSQL transaction.
 *
 * <p>Liquibase commits after each changeset. Here its commit sets a savepoint, and its rollback goes back to the last
 * one, so that all it can observe is the same; {@link #finish} and {@link #abandon} decide about everything at once.
 *
 * <p>A changeset with runInTransaction:false makes Liquibase switch autocommit on. That commits what came before for
 * real, since PostgreSQL runs such statements (CREATE INDEX CONCURRENTLY) only outside a transaction; so does the commit
 * which follows it, or the record of the changeset could be lost while its effect stays.
 */
final class Transaction implements InvocationHandler {
  private final Connection real;
  private final Runnable committed;
  private Savepoint last;
  private boolean recordNext;
  private boolean durable;

  /** Opens the transaction. {@code committed} is called after each commit that cannot be undone any more. */
  Transaction(Connection real, Runnable committed) throws SQLException {
    this.real = real;
    this.committed = committed;
    real.setAutoCommit(false);
  }

  /** The connection for Liquibase. Closing it does nothing. */
  Connection connection() {
    return (Connection)
        Proxy.newProxyInstance(getClass().getClassLoader(), new Class<?>[] {Connection.class}, this);
  }

  /** Commits everything. */
  void finish() throws SQLException {
    commitForReal();
  }

  /** Undoes everything since the last real commit, and tells whether there was one. */
  boolean abandon() throws SQLException {
    last = null;
    if (!real.getAutoCommit()) {
      real.rollback();
    }
    return durable;
  }

  /** Whether there is nothing that {@link #abandon} would undo, as far as Liquibase has committed. */
  boolean clean() {
    return last == null;
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
      default:
        break;
    }
    try {
      return method.invoke(real, args);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private void commit() throws SQLException {
    if (recordNext) {
      recordNext = false;
      commitForReal();
      return;
    }
    if (last != null) {
      real.releaseSavepoint(last);
    }
    last = real.setSavepoint();
  }

  private void rollback() throws SQLException {
    if (real.getAutoCommit()) {
      return;
    }
    if (last == null) {
      real.rollback();
    } else {
      real.rollback(last);
    }
  }

  private void setAutoCommit(boolean on) throws SQLException {
    if (on == real.getAutoCommit()) {
      return;
    }
    if (on) {
      commitForReal();
    } else {
      recordNext = true;
    }
    real.setAutoCommit(on);
  }

  private void commitForReal() throws SQLException {
    last = null;
    if (!real.getAutoCommit()) {
      real.commit();
    }
    durable = true;
    committed.run();
  }
}
