package org.poststack.liquibase;

import java.util.Properties;
import org.postgresql.plugin.AuthenticationPlugin;
import org.postgresql.plugin.AuthenticationRequestType;
import org.postgresql.util.PSQLException;
import org.postgresql.util.PSQLState;

/**
 * Gives the driver the password that it has found itself, but not for a server that asks for it as it is. It is named in
 * the URL, as authenticationPluginClassName, where the connection has no TLS and others can listen to it.
 */
public final class NoCleartext implements AuthenticationPlugin {
  private final String password;

  public NoCleartext(Properties connection) {
    password = connection.getProperty("password");
  }

  @Override
  public char[] getPassword(AuthenticationRequestType type) throws PSQLException {
    if (type == AuthenticationRequestType.CLEARTEXT_PASSWORD) {
      throw new PSQLException(
          "the server asks for the password in clear text, and the connection has no TLS",
          PSQLState.INVALID_AUTHORIZATION_SPECIFICATION);
    }
    return password == null ? null : password.toCharArray();
  }
}
