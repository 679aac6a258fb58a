package org.poststack.liquibase;

import java.sql.Connection;
import java.util.Map;
import liquibase.changelog.DatabaseChangeLog;
import liquibase.database.Database;
import liquibase.database.DatabaseFactory;
import liquibase.database.jvm.JdbcConnection;
import liquibase.lockservice.LockService;
import liquibase.lockservice.LockServiceFactory;

/** One command on one connection: it reads the changelog, waits for the word to go, and runs it in a transaction. */
final class Session {
  /** The advisory lock of a Liquibase that may change something: "poststcl" in ASCII. See pkg/schema/lock.go. */
  private static final long LOCK = 0x706f73747374636cL;

  private final String command;
  private final Map<String, String> options;
  private final Report report;
  private final Sources sources;

  Session(String command, Map<String, String> options, Report report, Sources sources) {
    this.command = command;
    this.options = options;
    this.report = report;
    this.sources = sources;
  }

  void run(Connection real, Standby standby) throws Exception {
    boolean whole = !options.getOrDefault("transaction", "all").equals("changeset");
    Transaction transaction = new Transaction(real, report, whole);
    JdbcConnection connection = new JdbcConnection(transaction.connection());
    Database database = DatabaseFactory.getInstance().findCorrectDatabaseImplementation(connection);
    transaction.table(
        database.escapeTableName(
            database.getLiquibaseCatalogName(), database.getLiquibaseSchemaName(), database.getDatabaseChangeLogTableName()));
    LockService lock = LockServiceFactory.getInstance().getLockService(database);
    lock.setChangeLogLockWaitTime(0); // minutes; who waits, and for whom, is decided before this starts
    lock.setChangeLogLockRecheckTime(0); // seconds; else it sleeps ten before it gives up
    Commands commands = new Commands(database, options, report);
    DatabaseChangeLog log = new Reading(database, report, sources).read(options.get("changelog-file"), commands.parameters());
    if (standby != null) {
      report.emit(Report.event("ready", null));
      standby.await();
    }
    real.rollback(); // what Liquibase asked while it read
    boolean reads = command.equals(Commands.STATUS);
    if (!reads && !Opening.claim(real, LOCK, report)) {
      throw new BusyException("another Liquibase of Poststack is still at work in this database");
    }
    transaction.begin();
    try {
      commands.run(command, log);
      if (reads) {
        transaction.abandon();
      } else {
        transaction.finish();
      }
    } catch (Exception | Error e) {
      undo(transaction, lock, database);
      throw e;
    }
  }

  // Undoes what can be undone, and takes back the lock if that was committed.
  private void undo(Transaction transaction, LockService lock, Database database) {
    try {
      boolean durable = transaction.abandon();
      if (durable) {
        lock.reset();
        lock.setDatabase(database);
        transaction.begin();
        lock.forceReleaseLock();
        transaction.finish();
        report.partly(transaction.partly(), transaction.ended());
      }
      report.emit(Report.event("settled", null));
    } catch (Exception e) {
      System.err.println("liquibase: cannot undo: " + e);
    }
  }

  /** Another session is at work. */
  static final class BusyException extends Exception {
    private static final long serialVersionUID = 1;

    BusyException(String message) {
      super(message);
    }
  }
}
