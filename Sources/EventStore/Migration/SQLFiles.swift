import Vault

/// One file of `sql/`, embedded in the binary.
struct SQLFile: Sendable {
    let name: String
    let text: String

    init(_ name: String, _ bytes: [UInt8]) {
        self.name = name
        text = String(decoding: bytes, as: UTF8.self)
    }

    var checksum: [UInt8] { ContentDigest.sha256(Array(text.utf8)) }
}

/// The contents of `sql/`. A test compares the list with the folder.
enum SQLFiles {
    static let bootstrap = SQLFile("bootstrap", PackageResources.bootstrap_sql)

    /// In the order in which they apply: forward only, each once.
    static let migrations = [
        SQLFile("0001_base", PackageResources._001_base_sql)
    ]

    /// Applied again whenever their text has changed.
    static let functions = [
        SQLFile("append", PackageResources.append_sql),
        SQLFile("append_late", PackageResources.append_late_sql),
        SQLFile("check_input", PackageResources.check_input_sql),
        SQLFile("claim", PackageResources.claim_sql),
        SQLFile("commit", PackageResources.commit_sql),
        SQLFile("enqueue", PackageResources.enqueue_sql),
        SQLFile("enqueue_staged", PackageResources.enqueue_staged_sql),
        SQLFile("event_hash", PackageResources.event_hash_sql),
        SQLFile("first_hash", PackageResources.first_hash_sql),
        SQLFile("is_of_kind", PackageResources.is_of_kind_sql),
        SQLFile("key_of", PackageResources.key_of_sql),
        SQLFile("microseconds", PackageResources.microseconds_sql),
        SQLFile("move_behind_pause", PackageResources.move_behind_pause_sql),
        SQLFile("new_id", PackageResources.new_id_sql),
        SQLFile("next_due", PackageResources.next_due_sql),
        SQLFile("now", PackageResources.now_sql),
        SQLFile("pause_service", PackageResources.pause_service_sql),
        SQLFile("release", PackageResources.release_sql),
        SQLFile("resume_service", PackageResources.resume_service_sql),
        SQLFile("return_canary", PackageResources.return_canary_sql),
        SQLFile("service_answered", PackageResources.service_answered_sql),
        SQLFile("service_failed", PackageResources.service_failed_sql),
        SQLFile("stage", PackageResources.stage_sql),
        SQLFile("staged_insert", PackageResources.staged_insert_sql),
        SQLFile("supersede", PackageResources.supersede_sql),
        SQLFile("take_canary", PackageResources.take_canary_sql),
        SQLFile("verify_installation", PackageResources.verify_installation_sql),
        SQLFile("verify_page", PackageResources.verify_page_sql),
        SQLFile("verify_queue", PackageResources.verify_queue_sql),
        SQLFile("verify_row", PackageResources.verify_row_sql),
        SQLFile("verify_sample", PackageResources.verify_sample_sql),
        SQLFile("verify_secrets", PackageResources.verify_secrets_sql),
        SQLFile("verify_status", PackageResources.verify_status_sql),
        SQLFile("verify_stray_secrets", PackageResources.verify_stray_secrets_sql),
        SQLFile("verify_streams", PackageResources.verify_streams_sql),
        SQLFile("wake", PackageResources.wake_sql),
        SQLFile("wake_busy", PackageResources.wake_busy_sql),
        SQLFile("wake_waiting", PackageResources.wake_waiting_sql),
        SQLFile("with_defaults", PackageResources.with_defaults_sql),
    ]
}
