/// Definitions for a platform with a register: it can be asked what it has, it deletes, and it honours keys.
enum RegistryDefinitions {
    /// The key is shown once, so a find is of no use but to be replaced.
    static let replacing = """
        dsl: 1
        workflow: registered-number
        version: 1
        key: ${input.number}
        start: requested
        deadline: 10m
        input: {number: {type: string}}
        data:
          client_id: {type: string}
          api_key: {type: string, secret: true}
          token: {type: string, secret: true}
        output: {client: '${data.client_id}'}
        secrets: [wpp_master]
        services: {wpp: {timeout: 3s}}
        errors:
          key_not_active: {status: 403, when: "response.body.error == 'Invalid API key'"}
        retries:
          activation: {delay: 1s, backoff: 1, jitter: none, within: 5m}
        calls:
          list_clients:
            request: GET wpp:/clients
            query: {externalId: '${run.id}'}
            auth: {bearer: '${secrets.wpp_master}'}
          delete_client:
            request: DELETE wpp:/clients/${data.client_id}
            auth: {bearer: '${secrets.wpp_master}'}
            ok: [2xx, 404]
        states:
          requested:
            call:
              request: POST wpp:/clients
              auth: {bearer: '${secrets.wpp_master}'}
              body: {externalId: '${run.id}', organizationId: '${run.organisation}'}
              save: {client_id: '${response.body.id}', api_key: '${response.body.apiKey}'}
            reconcile:
              call: list_clients
              items: response.body
              where: item.externalId == run.id
              after: 2s
              effect_within: 2s
              looks: {times: 2, every: 500ms}
              save: {client_id: '${item.id}'}
              one: replace
              none: resend
            undo: {call: delete_client, gone: not_checkable}
            next: token-pending
          token-pending:
            call:
              request: POST wpp:/auth/token
              body: {apiKey: '${data.api_key}'}
              repeatable: true
              save: {token: '${response.body.token}'}
            retry: [{error: key_not_active, policy: activation}]
            next: settling
          settling:
            call: {request: 'GET wpp:/clients/${data.client_id}/status', auth: {bearer: '${data.token}'}}
            retry: [{error: key_not_active, policy: activation}]
            stable: {times: 3, every: 1s}
            next: active
          active: {end: succeeded}
          failed: {end: failed}

        """

    /// Needs no key, so a find is as good as an answer.
    static let adopting = """
        dsl: 1
        workflow: registered-number
        version: 1
        key: ${input.number}
        start: requested
        input: {number: {type: string}}
        data: {client_id: {type: string}}
        output: {client: '${data.client_id}'}
        secrets: [wpp_master]
        services: {wpp: {timeout: 3s}}
        calls:
          list_clients:
            request: GET wpp:/clients
            query: {externalId: '${run.id}'}
            auth: {bearer: '${secrets.wpp_master}'}
          delete_client:
            request: DELETE wpp:/clients/${data.client_id}
            auth: {bearer: '${secrets.wpp_master}'}
            ok: [2xx, 404]
        states:
          requested:
            call:
              request: POST wpp:/clients
              auth: {bearer: '${secrets.wpp_master}'}
              body: {externalId: '${run.id}', organizationId: '${run.organisation}'}
              save: {client_id: '${response.body.id}'}
            reconcile:
              call: list_clients
              items: response.body
              where: item.externalId == run.id
              after: 2s
              effect_within: 2s
              looks: {times: 2, every: 500ms}
              save: {client_id: '${item.id}'}
              one: adopt
              none: resend
            undo: {call: delete_client, gone: not_checkable}
            next: looking
          looking:
            call: {request: 'GET wpp:/clients/${data.client_id}', auth: {bearer: '${secrets.wpp_master}'}}
            next: active
          active: {end: succeeded}
          failed: {end: failed}

        """

    /// Relies on the platform to honour its key; looks up nothing.
    static let keyed = """
        dsl: 1
        workflow: registered-number
        version: 1
        key: ${input.number}
        start: requested
        input: {number: {type: string}}
        data: {client_id: {type: string}}
        output: {client: '${data.client_id}'}
        secrets: [wpp_master]
        services: {wpp: {timeout: 3s}}
        retries:
          brief: {delay: 1s, backoff: 1, jitter: none, max_attempts: 3}
        states:
          requested:
            call:
              request: POST wpp:/clients
              auth: {bearer: '${secrets.wpp_master}'}
              idempotency: {header: Idempotency-Key, honoured: 1h}
              body: {externalId: '${run.id}', organizationId: '${run.organisation}'}
              save: {client_id: '${response.body.id}'}
            retry: [{error: [connection_lost, http.5xx], policy: brief}]
            undo: none
            next: active
          active: {end: succeeded}
          failed: {end: failed}

        """

    /// Makes two things, one after the other, and then a third call decides.
    static let twofold = """
        dsl: 1
        workflow: registered-number
        version: 1
        key: ${input.number}
        start: requested
        input: {number: {type: string}}
        data: {client_id: {type: string}, line_id: {type: string}}
        secrets: [wpp_master]
        services: {wpp: {timeout: 3s}}
        calls:
          list_clients:
            request: GET wpp:/clients
            query: {externalId: '${run.id}'}
            auth: {bearer: '${secrets.wpp_master}'}
          list_lines:
            request: GET wpp:/clients
            query: {externalId: 'line-${run.id}'}
            auth: {bearer: '${secrets.wpp_master}'}
        states:
          requested:
            call:
              request: POST wpp:/clients
              auth: {bearer: '${secrets.wpp_master}'}
              body: {externalId: '${run.id}', organizationId: '${run.organisation}'}
              save: {client_id: '${response.body.id}'}
            reconcile:
              call: list_clients
              items: response.body
              where: item.externalId == run.id
              after: 1s
              effect_within: 1s
              looks: {times: 2, every: 500ms}
              save: {client_id: '${item.id}'}
              none: resend
            undo:
              call: {request: 'DELETE wpp:/clients/${data.client_id}', auth: {bearer: '${secrets.wpp_master}'}, ok: [2xx, 404]}
              gone: not_checkable
            next: line-requested
          line-requested:
            call:
              request: POST wpp:/clients
              auth: {bearer: '${secrets.wpp_master}'}
              body: {externalId: 'line-${run.id}', organizationId: '${run.organisation}'}
              save: {line_id: '${response.body.id}'}
            reconcile:
              call: list_lines
              items: response.body
              where: item.externalId == 'line-' + run.id
              after: 1s
              effect_within: 1s
              looks: {times: 2, every: 500ms}
              save: {line_id: '${item.id}'}
              none: resend
            undo:
              call: {request: 'DELETE wpp:/clients/${data.line_id}', auth: {bearer: '${secrets.wpp_master}'}, ok: [2xx, 404]}
              gone: not_checkable
            next: looking
          looking:
            call: {request: 'GET wpp:/clients/${data.line_id}', auth: {bearer: '${secrets.wpp_master}'}}
            next: active
          active: {end: succeeded}
          failed: {end: failed}

        """
}
