package org.poststack.liquibase;

import java.io.PrintStream;
import java.nio.file.Path;
import java.sql.Connection;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import liquibase.Scope;
import liquibase.integration.commandline.LiquibaseCommandLine;
import liquibase.resource.DirectoryResourceAccessor;
import liquibase.resource.ResourceAccessor;

/**
 * Runs update, status and rollback-count so that they happen as a whole or not at all; every other command is passed on
 * to Liquibase's own command line, arguments and all.
 *
 * <p>Arguments: the command, then --key=value. Exit status: 0 done (the last line of standard output is the event
 * "ended"), 1 failed (it is the event "failed"), 2 wrong use. With --standby=SECONDS it gets everything ready before
 * there is a database, and waits for that. With that or --hold=SECONDS it says "ready" when it has read the changelog, and
 * begins when it gets the signal WINCH. With --transaction=changeset each changeset is a transaction of its own.
 */
public final class Launcher {
  private Launcher() {}

  /** Does what the arguments say and ends the process. */
  public static void main(String[] args) throws Exception {
    System.setProperty("liquibase.hostDescription", "poststack"); // marks the lock as ours, see pkg/schema/stale.go
    hideProperties();
    if (args.length == 0 || !Commands.NAMES.contains(args[0])) {
      LiquibaseCommandLine.main(args);
      return;
    }
    PrintStream out = System.out;
    System.setOut(System.err); // whatever else prints must not disturb the events
    Report report = new Report(out);
    ResourceAccessor files = null;
    try {
      Map<String, String> options = options(args);
      files = new DirectoryResourceAccessor(Path.of(options.get("search-path"))); // alone, as Liquibase does with a search path
      run(args[0], options, files, report);
      report.emit(Report.event("ended", null));
      System.err.println("liquibase: ended"); // on both streams: whoever reads both need not wait for the process
      System.exit(0);
    } catch (IllegalArgumentException e) {
      System.err.println("liquibase: " + e.getMessage());
      System.exit(2);
    } catch (Throwable e) {
      e.printStackTrace();
      report.emit(new Failure(report, files).describe(e));
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

  private static void run(String command, Map<String, String> options, ResourceAccessor files, Report report)
      throws Exception {
    Map<String, Object> scope = new HashMap<>();
    scope.put(Scope.Attr.resourceAccessor.name(), files);
    Sources sources = new Sources();
    sources.install();
    long patience = Long.parseLong(options.getOrDefault("standby", "0"));
    long hold = patience > 0 ? patience : Long.parseLong(options.getOrDefault("hold", "0"));
    Standby standby = hold > 0 ? new Standby(hold) : null;
    Opening opening = new Opening(options, patience);
    if (patience > 0) {
      Scope.child(scope, () -> Commands.rehearse(options, sources));
    } else if (command.equals(Commands.UPDATE)) {
      Commands.load();
    }
    try (Connection real = opening.get()) {
      Scope.child(report.listener(), scope, () -> new Session(command, options, report, sources).run(real, standby));
    }
  }
}
