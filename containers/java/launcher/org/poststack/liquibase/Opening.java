package org.poststack.liquibase;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.postgresql.PGConnection;

/** The connection to the database, which opens while Liquibase loads. */
final class Opening {
  private static final long PAUSE_MS = 10;

  // client_connection_check_interval (PostgreSQL 14): ends the work of a client that died in the middle of a statement.
  // The idle limits: a role or database may have them, and this session holds locks while it waits.
  private static final String SETTINGS =
      "select set_config(name, value, false) from (values ('client_connection_check_interval', '2s'),"
          + " ('idle_session_timeout', '0'), ('idle_in_transaction_session_timeout', '0')) as t(name, value)"
          + " where current_setting(name, true) is not null";

  private final FutureTask<Connection> opening;

  /** Begins. A server that cannot be reached yet is tried again until {@code patienceSeconds} are over. */
  Opening(Map<String, String> options, long patienceSeconds) {
    long deadline = System.nanoTime() + patienceSeconds * 1_000_000_000L;
    opening = new FutureTask<>((Callable<Connection>) () -> open(options, deadline));
    Thread thread = new Thread(opening, "opening");
    thread.setDaemon(true);
    thread.start();
  }

  /** Waits for the connection. */
  Connection get() throws Exception {
    try {
      return opening.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Exception) {
        throw (Exception) e.getCause();
      }
      throw e;
    }
  }

  private static Connection open(Map<String, String> options, long deadline) throws Exception {
    while (true) {
      try {
        return connect(options);
      } catch (SQLException e) {
        if (!passing(e) || System.nanoTime() > deadline) {
          throw e;
        }
        Thread.sleep(PAUSE_MS);
      }
    }
  }

  // Class 08: nobody listens yet. 57P03: the server is starting up.
  private static boolean passing(SQLException e) {
    String state = String.valueOf(e.getSQLState());
    return state.startsWith("08") || state.equals("57P03");
  }

  private static Connection connect(Map<String, String> options) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", options.get("username"));
    properties.setProperty("ApplicationName", "poststack liquibase");
    Connection real = DriverManager.getConnection(options.get("url"), properties);
    try (Statement statement = real.createStatement()) {
      statement.execute(SETTINGS);
    }
    Thread hook = new Thread(() -> cancel(real));
    Runtime.getRuntime().addShutdownHook(hook);
    return real;
  }

  /**
   * Tells which session this is, so that whoever started it can wait for its end, and takes the advisory lock {@code key}
   * that lives as long as the session does. False: another session has it.
   */
  static boolean claim(Connection real, long key, Report report) throws SQLException {
    try (Statement statement = real.createStatement();
        ResultSet rows = statement.executeQuery("select pg_backend_pid(), pg_try_advisory_lock(" + key + ")")) {
      rows.next();
      Map<String, Object> event = Report.event("session", null);
      event.put("pid", rows.getInt(1));
      report.emit(event);
      return rows.getBoolean(2);
    }
  }

  // On a signal: the statement that runs is ended, and the server undoes the rest when the connection goes.
  private static void cancel(Connection real) {
    try {
      if (!real.isClosed()) {
        real.unwrap(PGConnection.class).cancelQuery();
      }
    } catch (SQLException e) {
      System.err.println("liquibase: cannot cancel: " + e.getMessage());
    }
  }
}
