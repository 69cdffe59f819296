package chdb

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"path/filepath"
	"strings"
)

// configXML is the engine's configuration. It logs to a file; caches are kept
// small, since the cap on memory is.
const configXML = `<clickhouse>
  <!-- Written by earshot at each start; changes here are lost. -->
  <users_config>%[1]s</users_config>
  <logger>
    <level>information</level>
    <log>%[2]s</log>
    <errorlog>%[3]s</errorlog>
    <size>10M</size>
    <count>3</count>
    <console>false</console>
  </logger>
  <max_server_memory_usage>%[4]d</max_server_memory_usage>
  <mark_cache_size>%[5]d</mark_cache_size>
  <index_mark_cache_size>%[6]d</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <!-- Write buffers of 1 MiB a column: for tables of hundreds of columns, merges would take all of the memory. -->
  <merge_tree>
    <min_columns_to_activate_adaptive_write_buffer>20</min_columns_to_activate_adaptive_write_buffer>
  </merge_tree>
  <max_connections>256</max_connections>
  <keep_alive_timeout>2</keep_alive_timeout>
</clickhouse>
`

// usersXML takes everything from default, as whom the local session runs and
// anybody could log in: what is left keeps the session open and no more.
// Nobody may read files or open connections through the engine.
const usersXML = `<clickhouse>
  <!-- Written by earshot at each start; changes here are lost. -->
  <profiles>
    <default>
      <poll_interval>1</poll_interval>
      <query_profiler_real_time_period_ns>0</query_profiler_real_time_period_ns>
      <query_profiler_cpu_time_period_ns>0</query_profiler_cpu_time_period_ns>
    </default>
    <reader>
      <readonly>2</readonly>
      <poll_interval>1</poll_interval>
      <query_profiler_real_time_period_ns>0</query_profiler_real_time_period_ns>
      <query_profiler_cpu_time_period_ns>0</query_profiler_cpu_time_period_ns>
    </reader>
  </profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <no_password/>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT SELECT ON system.numbers</query>
      </grants>
    </default>
    <%[1]s>
      <password_sha256_hex>%[2]s</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT ALL ON %[5]s.*</query>
        <query>GRANT SELECT, SHOW ON *.*</query>
        <query>GRANT KILL QUERY, CREATE TEMPORARY TABLE, SYSTEM FLUSH LOGS ON *.*</query>
        <query>GRANT TABLE ENGINE ON *</query>
      </grants>
    </%[1]s>
    <%[3]s>
      <password_sha256_hex>%[4]s</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>reader</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT SELECT, SHOW ON %[5]s.*</query>
        <query>GRANT SELECT, SHOW ON system.*</query>
      </grants>
    </%[3]s>
  </users>
</clickhouse>
`

func configFile(home string) string { return filepath.Join(home, "config.xml") }

// writeConfig writes config.xml and users.xml with the hashes of the
// passwords.
func writeConfig(home string, a Access, maxMemory int64) error {
	users := filepath.Join(home, "users.xml")
	config := fmt.Sprintf(configXML, escape(users), escape(filepath.Join(home, "server.log")),
		escape(filepath.Join(home, "server.err.log")), maxMemory, maxMemory/16, maxMemory/32)
	if err := writeFile(configFile(home), []byte(config)); err != nil {
		return err
	}
	return writeFile(users, fmt.Appendf(nil, usersXML, a.User, hash(a.Password), a.GrafanaUser, hash(a.GrafanaPassword), a.Database))
}

func hash(password string) string {
	h := sha256.Sum256([]byte(password))
	return hex.EncodeToString(h[:])
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder does not fail
	return b.String()
}
