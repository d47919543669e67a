extension Samples {
    /// The language reference's own example, with every part of the language that is not run yet.
    static let reference = #"""
        dsl: 1
        workflow: whatsapp-number            # equals the file name
        version: 3                           # a changed body under a published number is refused
        key: ${input.phone}                  # one live run per organisation and key
        start: requested
        deadline: 3d                         # whole run; then it fails and undoes
        limits: {live_runs: 5, per: organisation}
        input: {phone: {type: string, pattern: '^\+[1-9][0-9]{7,14}$'}}
        data: {client_id: {type: string}, api_key: {type: string, secret: true}, token: {type: string, secret: true}}
        output: {phone: '${input.phone}', client: '${data.client_id}'}
        secrets: [gateway_admin, gateway_hook]   # per organisation, sealed in the vault
        services:
          gateway: {timeout: 15s, limits: {rate: 30/1m, concurrent: 2, per: organisation}}
        errors:                              # names for answers, tested in this order and before `ok`
          key_not_active: {status: 403, when: "response.body.error == 'Invalid API key'"}
        retries:
          activation: {delay: 5s, backoff: 1.5, max_delay: 1m, within: 2h}
        signals:
          qr_scanned: {from: webhook, verify: {hmac: sha256, header: X-Signature, secret: '${secrets.gateway_hook}'}, match: signal.body.client == data.client_id}
        calls:
          issue_token: {request: POST gateway:/auth/token, body: {apiKey: '${data.api_key}'}, repeatable: true, save: {token: '${response.body.token}'}}
          list_clients: {request: GET gateway:/clients, query: {externalId: '${run.id}'}, auth: {bearer: '${secrets.gateway_admin}'}}
          delete_client: {request: 'DELETE gateway:/clients/${data.client_id}', auth: {bearer: '${secrets.gateway_admin}'}, ok: [2xx, 404]}
        states:
          requested:
            call:
              request: POST gateway:/clients
              auth: {bearer: '${secrets.gateway_admin}'}
              idempotency: {header: Idempotency-Key}     # one value per run and state; relied on only if `honoured:` is given
              body: {externalId: '${run.id}', phone: '${input.phone}'}
              save: {client_id: '${response.body.id}', api_key: '${response.body.apiKey}'}
            reconcile:                                   # answer lost: look first. The key is shown once, so replace, do not adopt
              {call: list_clients, items: response.body, where: item.externalId == run.id, save: {client_id: '${item.id}'}, one: replace}
            undo: {call: delete_client, gone: not_checkable} # armed when the call is sent; runs if the run fails or is cancelled
            next: client-created
          client-created:
            call: issue_token
            catch: [{error: key_not_active, next: token-pending}]
            next: qr-pending
          token-pending:
            call: issue_token
            retry: [{error: key_not_active, policy: activation}]
            next: qr-pending
          qr-pending:                                    # leave out where no scan is needed
            call: {request: 'GET gateway:/clients/${data.client_id}/qr', auth: {bearer: '${data.token}'}}
            show: {qr: '${response.body.qr}', for: 60s}  # for people only, refreshed, never in the history
            deadline: 24h
            await: {qr_scanned: {next: active}}
          active: {end: succeeded}
          failed: {end: failed}                          # where every uncaught error goes

        """#
}
