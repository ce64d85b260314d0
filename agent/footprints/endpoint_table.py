"""Every endpoint of the REST APIs of Elasticsearch 7.10 and OpenSearch 2.x, and what it reads and writes.

Sources: ``rest-api-spec`` of both, the opensearch-api-specification, their reference manuals; some of Elasticsearch 8's are here too.
``{index}`` is an index expression, ``{type}`` a type of Elasticsearch 7 (``_doc``, too), ``{id}`` a document's or a cursor's identifier, ``{target}`` a new
index; ``{name}`` is anything, and ``**`` all that follows, if anything does. ``/_opendistro`` is looked up as ``/_plugins``, HEAD as
GET where it has no row; `agent.footprints.endpoints` adds the older ``/_xpack/ml`` to ``/_ml``, and its like. What is not here: GET and
HEAD read everything, other methods write everything. `tests/unit/rest_endpoints.txt` lists what is documented, and is checked.
"""

from typing import Final

from agent.footprints.kinds import (
    ADD,
    ADDITIONS,
    ALIASES,
    ALL,
    BULK,
    BY_QUERY,
    CANCEL,
    CHANGE,
    CLUSTER,
    COPY,
    CREATE,
    DELETE,
    DESCRIBE,
    EVERYTHING,
    EXPLAIN,
    FETCH,
    GET,
    INDICES,
    MGET,
    MSEARCH,
    NOTHING,
    PIT,
    PIT_END,
    REFRESH,
    REINDEX,
    SCROLL,
    SCROLL_END,
    SEARCH,
    SOURCE,
    SQL,
    SQL_END,
    SUBMIT,
    TEMPLATE,
    TEND,
    UPDATE,
    WRITE,
)

ENDPOINTS: Final[tuple[tuple[str, str, str], ...]] = (
    # kind, methods, paths
    # The banner: the same whatever was written.
    (NOTHING, "GET HEAD", "/ /favicon.ico"),
    #
    # Single documents. A document's own endpoints name one index or alias, never a pattern.
    (GET, "GET HEAD", "/{index}/_doc/{id}"),
    (SOURCE, "GET HEAD", "/{index}/_source/{id} /{index}/{type}/{id}/_source"),
    (GET, "GET", "/{index}/{type}/{id}"),
    (GET, "GET POST", "/{index}/_termvectors/{id} /{index}/{type}/{id}/_termvectors"),
    (EXPLAIN, "GET POST", "/{index}/_explain/{id} /{index}/{type}/{id}/_explain"),
    (WRITE, "PUT POST DELETE", "/{index}/_doc/{id} /{index}/{type}/{id}"),
    (WRITE, "PUT POST", "/{index}/_create/{id} /{index}/{type}/{id}/_create"),
    (UPDATE, "POST", "/{index}/_update/{id} /{index}/{type}/{id}/_update"),
    (ADD, "POST", "/{index}/_doc /{index}/{type}"),
    #
    # Many documents.
    (BULK, "POST PUT", "/_bulk /{index}/_bulk /{index}/{type}/_bulk /_bulk/stream /{index}/_bulk/stream"),
    (MGET, "GET POST", "/_mget /{index}/_mget /{index}/{type}/_mget"),
    (MGET, "GET POST", "/_mtermvectors /{index}/_mtermvectors /{index}/{type}/_mtermvectors"),
    (BY_QUERY, "POST", "/{index}/_update_by_query /{index}/{type}/_update_by_query"),
    (BY_QUERY, "POST", "/{index}/_delete_by_query /{index}/{type}/_delete_by_query"),
    (REINDEX, "POST", "/_reindex"),
    # Its documents go to the monitoring's own indices, and the cluster names them.
    (ADDITIONS, "POST PUT", "/_monitoring/bulk /_monitoring/{type}/bulk"),
    (ADDITIONS, "POST PUT", "/_xpack/monitoring/_bulk /_xpack/monitoring/{type}/_bulk"),
    #
    # Searches: they read, whatever their method.
    (SEARCH, "GET POST", "/_search /{index}/_search /{index}/{type}/_search"),
    (SEARCH, "GET POST", "/_count /{index}/_count /{index}/{type}/_count"),
    (SEARCH, "GET POST", "/_validate/query /{index}/_validate/query /{index}/{type}/_validate/query"),
    (SEARCH, "GET POST", "/_rank_eval /{index}/_rank_eval"),
    (SEARCH, "GET POST", "/{index}/_graph/explore /{index}/{type}/_graph/explore /{index}/_knn_search"),
    (SEARCH, "GET POST", "/{index}/_xpack/graph/_explore /{index}/{type}/_xpack/graph/_explore"),
    (SEARCH, "GET POST", "/{index}/_rollup_search /{index}/{type}/_rollup_search"),
    (SEARCH, "GET POST", "/_terms_enum /{index}/_terms_enum /{index}/_mvt/{name}/{name}/{name}/{name}"),
    (TEMPLATE, "GET POST", "/_search/template /{index}/_search/template /{index}/{type}/_search/template"),
    (MSEARCH, "GET POST", "/_msearch /{index}/_msearch /{index}/{type}/_msearch"),
    (MSEARCH, "GET POST", "/_msearch/template /{index}/_msearch/template /{index}/{type}/_msearch/template"),
    (MSEARCH, "GET POST", "/_fleet/_fleet_msearch /{index}/_fleet/_fleet_msearch"),
    (SEARCH, "GET POST", "/{index}/_fleet/_fleet_search"),
    (INDICES, "GET POST", "/_field_caps /{index}/_field_caps"),
    (INDICES, "GET POST", "/_search_shards /{index}/_search_shards /{index}/{type}/_search_shards"),
    (INDICES, "GET POST", "/{index}/_termvectors /{index}/{type}/_termvectors"),
    # An analyzer is the index's, or is built in.
    (INDICES, "GET POST", "/{index}/_analyze"),
    (CLUSTER, "GET POST", "/_analyze /_render/template /_render/template/{id}"),
    # It may run on an index that its body names.
    (ALL, "GET POST", "/_scripts/painless/_execute"),
    (SQL, "GET POST", "/_sql /_plugins/_sql"),
    (SQL_END, "POST", "/_sql/close /_plugins/_sql/close"),
    (ALL, "GET POST", "/_sql/translate /_plugins/_sql/_explain"),
    (ALL, "GET POST", "/_plugins/_ppl /_plugins/_ppl/_explain /_query"),
    (ALL, "GET POST", "/_plugins/_sql/stats /_plugins/_ppl/stats"),
    #
    # Cursors: what a search or a task left behind, and what asks for it.
    (SCROLL, "GET POST", "/_search/scroll /_search/scroll/{id}"),
    (SCROLL_END, "DELETE", "/_search/scroll /_search/scroll/{id}"),
    (PIT, "POST", "/_pit /{index}/_pit /{index}/_search/point_in_time /{index}/{type}/_pit"),
    (PIT_END, "DELETE", "/_pit /_search/point_in_time /_search/point_in_time/_all"),
    (ALL, "GET", "/_search/point_in_time/_all /_cat/pit_segments /_cat/pit_segments/_all"),
    (SUBMIT, "POST", "/_async_search /{index}/_async_search /_plugins/_asynchronous_search /_query/async"),
    # Its answer names a cursor only where it is not the whole result.
    (SUBMIT, "GET POST", "/{index}/_eql/search"),
    (FETCH, "GET", "/_async_search/{id} /_async_search/status/{id} /_plugins/_asynchronous_search/{id}"),
    (FETCH, "GET", "/_eql/search/{id} /_eql/search/status/{id} /_sql/async/{id} /_sql/async/status/{id}"),
    (FETCH, "GET", "/_query/async/{id} /_tasks/{id}"),
    (CANCEL, "DELETE", "/_async_search/{id} /_plugins/_asynchronous_search/{id} /_eql/search/{id}"),
    (CANCEL, "DELETE", "/_sql/async/delete/{id} /_query/async/{id}"),
    (CANCEL, "POST", "/_tasks/{id}/_cancel /_query/async/{id}/stop /_reindex/{id}/_rethrottle"),
    (CANCEL, "POST", "/_update_by_query/{id}/_rethrottle /_delete_by_query/{id}/_rethrottle"),
    (
        CLUSTER,
        "GET",
        "/_tasks /_plugins/_asynchronous_search/stats /_plugins/_asynchronous_search/_nodes/{name}/stats",
    ),
    # Cancels whatever runs.
    (EVERYTHING, "POST", "/_tasks/_cancel"),
    #
    # Upkeep of indices.
    (REFRESH, "GET POST", "/_refresh /{index}/_refresh"),
    (TEND, "GET POST", "/_flush /{index}/_flush /_flush/synced /{index}/_flush/synced"),
    (TEND, "GET POST", "/_cache/clear /{index}/_cache/clear"),
    (TEND, "POST", "/_forcemerge /{index}/_forcemerge /_upgrade /{index}/_upgrade"),
    (TEND, "POST", "/_searchable_snapshots/cache/clear /{index}/_searchable_snapshots/cache/clear"),
    (TEND, "GET", "/_plugins/_knn/warmup/{index}"),
    (TEND, "POST", "/_plugins/_knn/clear_cache/{index} /_filecache/prune"),
    #
    # Indices.
    (CREATE, "PUT", "/{index}"),
    # Without a name it deletes all indices.
    (DELETE, "DELETE", "/ /{index}"),
    (DESCRIBE, "GET HEAD", "/{index}"),
    (COPY, "PUT POST", "/{index}/_shrink/{target} /{index}/_split/{target} /{index}/_clone/{target}"),
    (CHANGE, "POST", "/{index}/_open /{index}/_close /{index}/_freeze /{index}/_unfreeze"),
    (CHANGE, "POST", "/_open /_close"),
    (CHANGE, "PUT", "/{index}/_block/{name} /_block/{name}"),
    (CHANGE, "PUT", "/{index}/_settings /_settings"),
    (CHANGE, "PUT POST", "/{index}/_mapping /{index}/_mappings /_mapping /_mappings"),
    (CHANGE, "PUT POST", "/{index}/_mapping/{name} /{index}/{type}/_mapping /{index}/_mappings/{name}"),
    (CHANGE, "PUT POST", "/{index}/{type}/_mappings /_mapping/{name} /_mappings/{name}"),
    # Searches give other results afterwards.
    (CHANGE, "GET POST", "/{index}/_reload_search_analyzers"),
    (CHANGE, "POST", "/_plugins/_refresh_search_analyzers/{index}"),
    # An alias or a data stream points elsewhere afterwards.
    (EVERYTHING, "POST", "/{index}/_rollover /{index}/_rollover/{target}"),
    (ALIASES, "POST", "/_aliases"),
    (
        ALIASES,
        "PUT POST DELETE",
        "/{index}/_alias/{name} /{index}/_aliases/{name} /_alias/{name} /_aliases/{name}",
    ),
    (ALIASES, "PUT POST", "/{index}/_alias /{index}/_aliases /_alias"),
    (
        DESCRIBE,
        "GET HEAD",
        "/{index}/_alias /{index}/_alias/{name} /{index}/_aliases /{index}/_aliases/{name}",
    ),
    # Indices are made with aliases, too.
    (ALL, "GET HEAD", "/_alias /_alias/{name} /_aliases /_aliases/{name}"),
    (EVERYTHING, "PUT DELETE", "/_data_stream/{name}"),
    (EVERYTHING, "POST", "/_data_stream/_migrate/{name} /_data_stream/_promote/{name} /_data_stream/_modify"),
    (ALL, "GET", "/_data_stream /_data_stream/{name} /_data_stream/_stats /_data_stream/{name}/_stats"),
    (DESCRIBE, "GET HEAD", "/{index}/_settings /{index}/_settings/{name} /_settings /_settings/{name}"),
    (DESCRIBE, "GET HEAD", "/{index}/_setting/{name}"),
    (DESCRIBE, "GET HEAD", "/{index}/_mapping /{index}/_mappings /_mapping /_mappings"),
    (
        INDICES,
        "GET HEAD",
        "/{index}/_mapping/{name} /{index}/_mappings/{name} /_mapping/{name} /_mappings/{name}",
    ),
    # Without this row it were a document called "_mapping".
    (INDICES, "GET HEAD", "/{index}/{type}/_mapping /{index}/{type}/_mapping/field/{name}"),
    (INDICES, "GET", "/{index}/_mapping/field/{name} /_mapping/field/{name}"),
    (INDICES, "GET", "/{index}/_mapping/{type}/field/{name} /_mapping/{type}/field/{name}"),
    (INDICES, "GET", "/_stats /_stats/{name} /{index}/_stats /{index}/_stats/{name}"),
    (INDICES, "GET", "/_segments /{index}/_segments /_recovery /{index}/_recovery /_shard_stores"),
    (INDICES, "GET", "/{index}/_shard_stores /_upgrade /{index}/_upgrade /{index}/_ilm/explain"),
    (INDICES, "GET", "/{index}/_searchable_snapshots/stats /{index}/_migration/deprecations"),
    (INDICES, "GET", "/{index}/_xpack/migration/deprecations /{index}/_xpack/rollup/data"),
    (
        INDICES,
        "GET",
        "/{index}/_ccr/stats /{index}/_ccr/info /{index}/_rollup/data /{index}/_field_usage_stats",
    ),
    (INDICES, "GET POST", "/{index}/_disk_usage"),
    (INDICES, "GET POST", "/_plugins/_ism/explain /_plugins/_ism/explain/{index}"),
    (INDICES, "GET", "/_plugins/_replication/{index}/_status /_remotestore/stats/{index}"),
    (
        INDICES,
        "GET",
        "/_remotestore/stats/{index}/{name} /_remotestore/metadata/{index} /{index}/ingestion/_state",
    ),
    (ALL, "GET", "/_resolve/index/{name} /_resolve/cluster/{name} /_migration/**"),
    #
    # The cluster. What indices and their documents do shows in some of these.
    (INDICES, "GET", "/_cluster/health /_cluster/health/{index} /_list/indices /_list/indices/{index}"),
    (
        ALL,
        "GET",
        "/_cluster/state /_cluster/stats/** /_cluster/pending_tasks /_health_report /_health_report/{name}",
    ),
    (INDICES, "GET", "/_cluster/state/{name}/{index} /_list/shards /_list/shards/{index}"),
    (ALL, "GET", "/_cluster/state/{name} /_nodes/stats/** /_nodes/{name}/stats/**"),
    (ALL, "GET POST", "/_cluster/allocation/explain"),
    (CLUSTER, "GET", "/_cluster/settings /_cluster/nodes/** /_cluster/routing/** /_cluster/decommission/**"),
    (EVERYTHING, "PUT", "/_cluster/settings"),
    (EVERYTHING, "POST", "/_cluster/reroute"),
    (
        EVERYTHING,
        "POST DELETE",
        "/_cluster/voting_config_exclusions /_cluster/voting_config_exclusions/{name}",
    ),
    (EVERYTHING, "PUT DELETE", "/_cluster/routing/** /_cluster/decommission/**"),
    (CLUSTER, "GET", "/_nodes /_nodes/** /_remote/info /_remote/** /_info/**"),
    (EVERYTHING, "POST", "/_nodes/reload_secure_settings /_nodes/{name}/reload_secure_settings"),
    (CLUSTER, "GET HEAD", "/_template /_template/{name} /_index_template /_index_template/{name}"),
    (CLUSTER, "GET HEAD", "/_component_template /_component_template/{name}"),
    (
        CLUSTER,
        "POST",
        "/_index_template/_simulate /_index_template/_simulate/{name} /_index_template/_simulate_index/{name}",
    ),
    (EVERYTHING, "PUT POST DELETE", "/_template/{name} /_index_template/{name} /_component_template/{name}"),
    (CLUSTER, "GET", "/_ingest/pipeline /_ingest/pipeline/{name} /_ingest/processor/grok /_ingest/geoip/**"),
    (EVERYTHING, "PUT DELETE", "/_ingest/pipeline/{name} /_ingest/geoip/**"),
    (
        CLUSTER,
        "GET POST",
        "/_ingest/pipeline/_simulate /_ingest/pipeline/{name}/_simulate /_ingest/_simulate",
    ),
    (
        CLUSTER,
        "GET",
        "/_scripts/{name} /_script_context /_script_language /_search/pipeline /_search/pipeline/{name}",
    ),
    (EVERYTHING, "PUT POST DELETE", "/_scripts/{name} /_scripts/{name}/{name}"),
    (EVERYTHING, "PUT DELETE", "/_search/pipeline/{name}"),
    (CLUSTER, "GET", "/_dangling"),
    (EVERYTHING, "POST DELETE", "/_dangling/{name}"),
    # Snapshots: while one is taken, nothing is changed; what is there after a restore, is.
    (CLUSTER, "GET", "/_snapshot /_snapshot/**"),
    (EVERYTHING, "PUT POST DELETE", "/_snapshot/**"),
    (EVERYTHING, "POST", "/_remotestore/_restore"),
    #
    # Compact tables. Those of nodes and settings show nothing that documents change.
    (
        CLUSTER,
        "GET",
        "/_cat /_cat/nodes /_cat/nodeattrs /_cat/plugins /_cat/master /_cat/cluster_manager /_cat/templates",
    ),
    (
        CLUSTER,
        "GET",
        "/_cat/templates/{name} /_cat/component_templates /_cat/component_templates/{name} /_cat/repositories",
    ),
    (
        CLUSTER,
        "GET",
        "/_cat/snapshots /_cat/snapshots/{name} /_cat/tasks /_cat/pending_tasks /_cat/thread_pool",
    ),
    (
        CLUSTER,
        "GET",
        "/_cat/thread_pool/{name} /_cat/circuit_breaker/** /_cat/transforms /_cat/transforms/{name}",
    ),
    (CLUSTER, "GET", "/_cat/ml/** /_list"),
    (INDICES, "GET", "/_cat/indices /_cat/indices/{index} /_cat/count /_cat/count/{index} /_cat/shards"),
    (INDICES, "GET", "/_cat/shards/{index} /_cat/segments /_cat/segments/{index} /_cat/recovery"),
    (INDICES, "GET", "/_cat/recovery/{index} /_cat/segment_replication /_cat/segment_replication/{index}"),
    (ALL, "GET", "/_cat/aliases /_cat/aliases/{name} /_cat/allocation /_cat/allocation/{name} /_cat/health"),
    (ALL, "GET", "/_cat/fielddata /_cat/fielddata/{name}"),
    #
    # Life cycles: policies act on indices at once or by the cluster's clock.
    (
        CLUSTER,
        "GET",
        "/_ilm/policy /_ilm/policy/{name} /_ilm/status /_slm/policy /_slm/policy/{name} /_slm/stats /_slm/status",
    ),
    (EVERYTHING, "PUT DELETE", "/_ilm/policy/{name} /_slm/policy/{name}"),
    (EVERYTHING, "PUT POST", "/_slm/policy/{name}/_execute"),
    (
        EVERYTHING,
        "POST",
        "/_ilm/start /_ilm/stop /_ilm/move/{name} /_ilm/migrate_to_data_tiers /{index}/_ilm/remove",
    ),
    (EVERYTHING, "POST", "/{index}/_ilm/retry /_slm/start /_slm/stop /_slm/_execute_retention"),
    (CLUSTER, "GET", "/_plugins/_ism/policies /_plugins/_ism/policies/{name} /_plugins/_sm/**"),
    (EVERYTHING, "PUT DELETE", "/_plugins/_ism/policies /_plugins/_ism/policies/{name}"),
    (CLUSTER, "GET", "/_plugins/_im/** /_plugins/_job_scheduler/**"),
    (EVERYTHING, "PUT POST DELETE", "/_plugins/_im/**"),
    (
        EVERYTHING,
        "POST",
        "/_plugins/_ism/add/{index} /_plugins/_ism/add /_plugins/_ism/remove/{index} /_plugins/_ism/remove",
    ),
    (
        EVERYTHING,
        "POST",
        "/_plugins/_ism/retry/{index} /_plugins/_ism/retry /_plugins/_ism/change_policy/{index}",
    ),
    (EVERYTHING, "POST", "/_plugins/_ism/change_policy"),
    (EVERYTHING, "PUT POST DELETE", "/_plugins/_sm/**"),
    #
    # Replication between clusters.
    (CLUSTER, "GET", "/_ccr/**"),
    (EVERYTHING, "PUT POST DELETE", "/_ccr/** /{index}/_ccr/**"),
    (CLUSTER, "GET", "/_plugins/_replication/**"),
    (EVERYTHING, "PUT POST DELETE", "/_plugins/_replication/**"),
    #
    # Transforms, rollups, enrichment: they write indices that their configuration names.
    (ALL, "GET POST", "/_transform/_preview /_transform/{name}/_preview /_data_frame/transforms/_preview"),
    (ALL, "GET", "/_transform/** /_data_frame/**"),
    (EVERYTHING, "PUT POST DELETE", "/_transform/** /_data_frame/**"),
    (ALL, "GET", "/_rollup/** /_enrich/**"),
    (
        EVERYTHING,
        "PUT POST DELETE",
        "/_rollup/** /_enrich/** /{index}/_rollup/{target} /{index}/_downsample/{target}",
    ),
    (ALL, "POST", "/_plugins/_transform/_preview"),
    (ALL, "GET", "/_plugins/_transform/** /_plugins/_rollup/**"),
    (EVERYTHING, "PUT POST DELETE", "/_plugins/_transform/** /_plugins/_rollup/**"),
    #
    # Machine learning. Models answer without reading indices.
    (ALL, "GET POST", "/_ml/datafeeds/{name}/_preview /_ml/datafeeds/_preview /_ml/data_frame/_evaluate"),
    (ALL, "GET POST", "/_ml/data_frame/analytics/_explain /_ml/data_frame/analytics/{name}/_explain"),
    (ALL, "GET POST", "/_ml/data_frame/analytics/_preview /_ml/data_frame/analytics/{name}/_preview"),
    (ALL, "GET POST", "/_ml/anomaly_detectors/{name}/results/**"),
    (ALL, "GET POST", "/_ml/anomaly_detectors/{name}/model_snapshots /_ml/calendars /_ml/calendars/{name}"),
    (ALL, "GET POST", "/_ml/anomaly_detectors/{name}/model_snapshots/{name}"),
    (ALL, "POST", "/_ml/anomaly_detectors/_estimate_model_memory /_ml/anomaly_detectors/_validate"),
    (ALL, "POST", "/_ml/anomaly_detectors/_validate/detector"),
    (NOTHING, "POST", "/_ml/find_file_structure /_text_structure/find_structure"),
    (
        CLUSTER,
        "POST",
        "/_ml/trained_models/{name}/_infer /_ml/trained_models/{name}/deployment/_infer /_inference/**",
    ),
    (ALL, "GET", "/_ml/** /_inference/**"),
    (EVERYTHING, "PUT POST DELETE", "/_ml/**"),
    (EVERYTHING, "PUT DELETE", "/_inference/**"),
    (ALL, "GET POST", "/_plugins/_ml/{name}/_search /_plugins/_ml/memory/{name}/_search"),
    (ALL, "GET POST", "/_plugins/_ml/memory/{name}/{name}/_search /_plugins/_ml/_predict/{name}/{name}"),
    (ALL, "GET POST", "/_plugins/_ml/memory_containers/{name}/memories/_search"),
    (ALL, "GET POST", "/_plugins/_ml/memory_containers/{name}/memories/{name}/_search"),
    # What it trains is not kept.
    (ALL, "POST", "/_plugins/_ml/_train_predict/{name}"),
    (CLUSTER, "POST", "/_plugins/_ml/models/{name}/_predict /_plugins/_ml/_predict/text_embedding/{name}"),
    (ALL, "GET", "/_plugins/_ml/**"),
    (EVERYTHING, "PUT POST DELETE", "/_plugins/_ml/**"),
    (ALL, "GET POST", "/_plugins/_knn/models/_search"),
    (ALL, "GET", "/_plugins/_knn/** /_plugins/_neural/**"),
    (EVERYTHING, "PUT POST DELETE", "/_plugins/_knn/** /_plugins/_neural/**"),
    (
        ALL,
        "GET POST",
        "/_plugins/_anomaly_detection/detectors/_search /_plugins/_anomaly_detection/detectors/_preview",
    ),
    (ALL, "GET POST", "/_plugins/_anomaly_detection/detectors/{name}/_preview"),
    (ALL, "GET POST", "/_plugins/_anomaly_detection/detectors/results/_search"),
    (ALL, "GET POST", "/_plugins/_anomaly_detection/detectors/results/_search/{name}"),
    (ALL, "GET POST", "/_plugins/_anomaly_detection/detectors/tasks/_search"),
    (ALL, "GET POST", "/_plugins/_anomaly_detection/detectors/{name}/results/_topAnomalies"),
    (
        ALL,
        "POST",
        "/_plugins/_anomaly_detection/detectors/_validate /_plugins/_anomaly_detection/detectors/_validate/{name}",
    ),
    (ALL, "POST", "/_plugins/_anomaly_detection/detectors/_suggest/{name}"),
    (
        ALL,
        "GET POST",
        "/_plugins/_forecast/forecasters/_search /_plugins/_forecast/forecasters/tasks/_search",
    ),
    (ALL, "GET POST", "/_plugins/_forecast/forecasters/results/_search"),
    (ALL, "GET POST", "/_plugins/_forecast/forecasters/results/_search/{name}"),
    (ALL, "GET POST", "/_plugins/_forecast/forecasters/{name}/results/_topForecasts"),
    (
        ALL,
        "POST",
        "/_plugins/_forecast/forecasters/_validate /_plugins/_forecast/forecasters/_validate/{name}",
    ),
    (ALL, "POST", "/_plugins/_forecast/forecasters/_suggest/{name}"),
    (ALL, "GET", "/_plugins/_anomaly_detection/** /_plugins/_forecast/**"),
    (EVERYTHING, "PUT POST DELETE", "/_plugins/_anomaly_detection/** /_plugins/_forecast/**"),
    #
    # Alerts: running one may write and call others.
    (ALL, "GET POST", "/_plugins/_alerting/monitors/_search /_plugins/_alerting/workflows/_search"),
    (ALL, "GET POST", "/_plugins/_alerting/comments/_search"),
    (ALL, "GET POST", "/_plugins/_alerting/destinations/email_accounts/_search"),
    (ALL, "GET POST", "/_plugins/_alerting/destinations/email_groups/_search"),
    (ALL, "GET", "/_plugins/_alerting/**"),
    (EVERYTHING, "PUT POST DELETE", "/_plugins/_alerting/**"),
    (ALL, "GET POST", "/_watcher/_query/watches"),
    (ALL, "GET", "/_watcher/**"),
    (EVERYTHING, "PUT POST DELETE", "/_watcher/**"),
    #
    # Security and licence: whether a request is answered at all depends on them.
    (CLUSTER, "GET POST", "/_security/user/_has_privileges /_security/user/{name}/_has_privileges"),
    (
        CLUSTER,
        "GET POST",
        "/_security/_query/{name} /_security/profile/_suggest /_security/profile/_has_privileges",
    ),
    (CLUSTER, "GET", "/_security/** /_license /_license/** /_xpack /_xpack/usage /_ssl/certificates"),
    (EVERYTHING, "PUT POST DELETE", "/_security/** /_license /_license/**"),
    (CLUSTER, "GET", "/_idp/**"),
    (EVERYTHING, "PUT POST DELETE", "/_idp/**"),
    (CLUSTER, "GET POST", "/_plugins/_security/authinfo /_plugins/_security/dashboardsinfo"),
    (
        CLUSTER,
        "GET POST",
        "/_plugins/_security/health /_plugins/_security/tenantinfo /_plugins/_security/whoami",
    ),
    # The token is signed, not stored.
    (CLUSTER, "POST", "/_plugins/_security/api/generateonbehalfoftoken"),
    (CLUSTER, "GET", "/_plugins/_security/**"),
    (EVERYTHING, "PUT POST DELETE PATCH", "/_plugins/_security/**"),
    (CLUSTER, "GET", "/_autoscaling/** /_features"),
    (EVERYTHING, "PUT POST DELETE", "/_autoscaling/** /_features/_reset /_migration/**"),
    (CLUSTER, "GET", "/_searchable_snapshots/**"),
    (EVERYTHING, "POST", "/_snapshot/{name}/{name}/_mount"),
    #
    # Further plugins of OpenSearch, each with indices of its own.
    (
        ALL,
        "GET POST",
        "/_plugins/_security_analytics/rules/_search /_plugins/_security_analytics/detectors/_search",
    ),
    (
        ALL,
        "GET POST",
        "/_plugins/_flow_framework/workflow/_search /_plugins/_flow_framework/workflow/state/_search",
    ),
    (ALL, "GET POST", "/_plugins/_security_analytics/correlation/rules/_search"),
    (
        ALL,
        "POST",
        "/_plugins/_security_analytics/logtype/_search /_plugins/_security_analytics/rules/validate",
    ),
    (ALL, "POST", "/_plugins/_security_analytics/threat_intel/sources/_search"),
    (ALL, "POST", "/_plugins/_security_analytics/threat_intel/monitors/_search"),
    (ALL, "GET POST", "/_plugins/_search_relevance/{name}/_search"),
    # It takes the next report that is due, so the next such request gets another one.
    (EVERYTHING, "GET", "/_plugins/_reports/poll_instance"),
    (ALL, "GET", "/_plugins/_security_analytics/** /_plugins/_flow_framework/** /_plugins/_notifications/**"),
    (
        ALL,
        "GET",
        "/_plugins/_observability/** /_plugins/_reports/** /_plugins/_query/** /_plugins/_async_query/**",
    ),
    (
        ALL,
        "GET",
        "/_plugins/_search_relevance/** /_plugins/geospatial/** /_plugins/_performanceanalyzer/** /_plugins/_rca/**",
    ),
    (ALL, "GET", "/_plugins/_sql/** /_plugins/_ppl/** /_insights/** /_wlm/** /_rules/** /_ltr /_ltr/**"),
    (ALL, "GET", "/_plugins/_ltr/** /_plugins/ubi/** /_plugins/_directquery/**"),
    (EVERYTHING, "PUT POST DELETE", "/_plugins/_security_analytics/** /_plugins/_flow_framework/**"),
    (
        EVERYTHING,
        "PUT POST DELETE",
        "/_plugins/_notifications/** /_plugins/_observability/** /_plugins/_reports/**",
    ),
    (
        EVERYTHING,
        "PUT POST DELETE PATCH",
        "/_plugins/_query/** /_plugins/_async_query/** /_plugins/_search_relevance/**",
    ),
    (
        EVERYTHING,
        "PUT POST DELETE",
        "/_plugins/geospatial/** /_plugins/_performanceanalyzer/** /_plugins/ubi/**",
    ),
    (EVERYTHING, "PUT POST DELETE", "/_plugins/_directquery/**"),
    (EVERYTHING, "PUT POST DELETE", "/_insights/** /_wlm/** /_rules/** /_ltr/** /{index}/ingestion/{name}"),
)
