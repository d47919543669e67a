/// Definitions for ejabberd's own HTTP calls, as they are.
enum EjabberdDefinitions {
    /// An account under the run's id, so that whatever has that name was made by the run; then a token for it, of which
    /// ejabberd makes one more whenever it is asked.
    static let account = """
        dsl: 1
        workflow: xmpp-account
        version: 1
        key: ${input.name}
        start: requested
        deadline: 10m
        input: {name: {type: string}}
        data:
          token: {type: string, secret: true}
        output: {account: '${run.id}@localhost'}
        secrets: [xmpp_password]
        services: {xmpp: {timeout: 2s}}
        errors:
          other_password: {status: 200, when: 'response.body == 1', outcome: not_done}
        calls:
          list_accounts: {request: 'POST xmpp:/api/registered_users', body: {host: localhost}, repeatable: true}
          list_tokens: {request: 'POST xmpp:/api/oauth_list_tokens', body: {}, repeatable: true}
          unregister:
            request: POST xmpp:/api/unregister
            body: {user: '${run.id}', host: localhost}
            repeatable: true
          revoke_token:
            request: POST xmpp:/api/oauth_revoke_token
            body: {token: '${data.token}'}
            repeatable: true
          check_password:
            request: POST xmpp:/api/check_password
            body: {user: '${run.id}', host: localhost, password: '${secrets.xmpp_password}'}
            repeatable: true
        states:
          requested:
            call:
              request: POST xmpp:/api/register
              body: {user: '${run.id}', host: localhost, password: '${secrets.xmpp_password}'}
            reconcile:
              call: list_accounts
              items: response.body
              where: item == run.id
              filter: none
              pages: whole
              after: 1s
              effect_within: 2s
              looks: {times: 2, every: 500ms}
              none: resend
            undo: {call: unregister, gone: not_checkable}
            next: settling
          settling: {pause: 2s, next: token-pending}
          token-pending:
            call:
              request: POST xmpp:/api/oauth_issue_token
              body: {jid: '${run.id}@localhost', ttl: 3600, scopes: get_roster}
              save: {token: '${response.body.token}'}
            reconcile:
              call: list_tokens
              items: response.body
              where: item.user == run.id + '@localhost'
              filter: none
              pages: whole
              after: 1s
              effect_within: 2s
              looks: {times: 2, every: 500ms}
              save: {token: '${item.token}'}
              none: resend
            undo: {call: revoke_token, gone: not_checkable}
            next: checking
          checking: {call: check_password, next: active}
          active: {end: succeeded}
          failed: {end: failed}

        """

    /// An account under a name that people choose: others may have it, and nothing over there says whose it is but the
    /// password.
    static let named = """
        dsl: 1
        workflow: xmpp-name
        version: 1
        key: ${input.name}
        start: requested
        deadline: 10m
        input: {name: {type: string}}
        secrets: [xmpp_password]
        services: {xmpp: {timeout: 2s}}
        errors:
          taken: {status: 409, when: response.body.code == 10090}
          other_password: {status: 200, when: 'response.body == 1', outcome: not_done}
        calls:
          list_accounts: {request: 'POST xmpp:/api/registered_users', body: {host: localhost}, repeatable: true}
          unregister:
            request: POST xmpp:/api/unregister
            body: {user: '${input.name}', host: localhost}
            repeatable: true
          check_password:
            request: POST xmpp:/api/check_password
            body: {user: '${input.name}', host: localhost, password: '${secrets.xmpp_password}'}
            repeatable: true
        states:
          requested:
            call:
              request: POST xmpp:/api/register
              body: {user: '${input.name}', host: localhost, password: '${secrets.xmpp_password}'}
            reconcile:
              call: list_accounts
              items: response.body
              where: item == input.name
              filter: none
              pages: whole
              after: 1s
              effect_within: 2s
              looks: {times: 2, every: 500ms}
              none: resend
            undo: {call: unregister, gone: not_checkable}
            next: checking
          checking: {call: check_password, next: active}
          active: {end: succeeded}
          failed: {end: failed}

        """
}
