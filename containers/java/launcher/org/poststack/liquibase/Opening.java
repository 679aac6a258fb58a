package org.poststack.liquibase;

import java.sql.Connection;
import java.sql.DriverManager;
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
      // PostgreSQL 14 and newer: ends the work of a client that died in the middle of a statement.
      statement.execute(
          "select set_config('client_connection_check_interval', '2s', false)"
              + " where current_setting('server_version_num')::int >= 140000");
    }
    Thread hook = new Thread(() -> cancel(real));
    Runtime.getRuntime().addShutdownHook(hook);
    return real;
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
