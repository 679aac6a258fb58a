package org.poststack.liquibase;

import java.io.PrintStream;
import java.nio.file.Path;
import java.sql.Connection;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import liquibase.Scope;
import liquibase.database.Database;
import liquibase.database.DatabaseFactory;
import liquibase.database.jvm.JdbcConnection;
import liquibase.integration.commandline.LiquibaseCommandLine;
import liquibase.lockservice.LockService;
import liquibase.lockservice.LockServiceFactory;
import liquibase.resource.ClassLoaderResourceAccessor;
import liquibase.resource.CompositeResourceAccessor;
import liquibase.resource.DirectoryResourceAccessor;
import liquibase.resource.ResourceAccessor;

/**
 * Runs update, status and rollback-count so that they happen as a whole or not at all; every other command is passed on
 * to Liquibase's own command line, arguments and all.
 *
 * <p>Arguments: the command, then --key=value. Exit status: 0 done (the last line of standard output is the event
 * "ended"), 1 failed (it is the event "failed"), 2 wrong use. With --standby=SECONDS it gets everything ready before
 * there is a database, waits for that, says "ready", and begins when it gets the signal WINCH.
 */
public final class Launcher {
  private Launcher() {}

  /** Does what the arguments say and ends the process. */
  public static void main(String[] args) throws Exception {
    hideProperties();
    if (args.length == 0 || !Commands.NAMES.contains(args[0])) {
      LiquibaseCommandLine.main(args);
      return;
    }
    PrintStream out = System.out;
    System.setOut(System.err); // whatever else prints must not disturb the events
    Report report = new Report(out);
    try {
      Map<String, String> options = options(args);
      run(args[0], options, report);
      report.emit(Report.event("ended", null));
      System.err.println("liquibase: ended"); // on both streams: whoever reads both need not wait for the process
      System.exit(0);
    } catch (IllegalArgumentException e) {
      System.err.println("liquibase: " + e.getMessage());
      System.exit(2);
    } catch (Throwable e) {
      e.printStackTrace();
      report.emit(Failure.describe(e, report.current()));
      System.exit(1);
    }
  }

  // Liquibase offers every Java property to a changelog as ${name}, which would make SQL and checksums depend on the
  // machine. It lists the properties for that; as defaults of an empty list they can be read, but are not listed.
  // (It does the same with the environment, which entrypoint.sh empties.)
  private static void hideProperties() {
    System.setProperties(new Properties(System.getProperties()));
  }

  private static Map<String, String> options(String[] args) {
    Map<String, String> options = new HashMap<>();
    for (String arg : Arrays.asList(args).subList(1, args.length)) {
      int equals = arg.indexOf('=');
      if (!arg.startsWith("--") || equals < 0) {
        throw new IllegalArgumentException("\"" + arg + "\" is not of the form --key=value");
      }
      options.put(arg.substring(2, equals), arg.substring(equals + 1));
    }
    for (String key : new String[] {"url", "username", "changelog-file", "search-path"}) {
      if (options.getOrDefault(key, "").isEmpty()) {
        throw new IllegalArgumentException("--" + key + " is missing");
      }
    }
    return options;
  }

  private static void run(String command, Map<String, String> options, Report report) throws Exception {
    ResourceAccessor files =
        new CompositeResourceAccessor(
            new DirectoryResourceAccessor(Path.of(options.get("search-path"))), new ClassLoaderResourceAccessor());
    Map<String, Object> scope = new HashMap<>();
    scope.put(Scope.Attr.resourceAccessor.name(), files);
    long patience = Long.parseLong(options.getOrDefault("standby", "0"));
    Standby standby = patience > 0 ? new Standby(patience) : null;
    Opening opening = new Opening(options, patience);
    if (standby != null) {
      Scope.child(scope, () -> Commands.rehearse(options));
    } else if (command.equals(Commands.UPDATE)) {
      Commands.load();
    }
    try (Connection real = opening.get()) {
      if (standby != null) {
        report.emit(Report.event("ready", null));
        standby.await();
      }
      Scope.child(scope, () -> transact(command, options, report, real));
    }
  }

  private static void transact(String command, Map<String, String> options, Report report, Connection real)
      throws Exception {
    Transaction transaction = new Transaction(real, report::committed);
    report.ask(transaction::clean);
    JdbcConnection connection = new JdbcConnection(transaction.connection());
    Database database = DatabaseFactory.getInstance().findCorrectDatabaseImplementation(connection);
    LockService lock = LockServiceFactory.getInstance().getLockService(database);
    lock.setChangeLogLockWaitTime(0); // minutes; who waits, and for whom, is decided before this starts
    lock.setChangeLogLockRecheckTime(0); // seconds; else it sleeps ten before it gives up
    try {
      new Commands(database, options, report).run(command);
      if (command.equals(Commands.STATUS)) {
        transaction.abandon();
      } else {
        transaction.finish();
      }
    } catch (Exception | Error e) {
      release(transaction, lock, database, report);
      throw e;
    }
  }

  // After a rollback nothing of the lock is left, unless a changeset outside a transaction committed it.
  private static void release(Transaction transaction, LockService lock, Database database, Report report) {
    try {
      boolean durable = transaction.abandon();
      report.abandoned();
      if (durable) {
        lock.reset();
        lock.setDatabase(database);
        lock.forceReleaseLock();
        transaction.finish();
      }
    } catch (Exception e) {
      System.err.println("liquibase: cannot undo: " + e);
    }
  }
}
