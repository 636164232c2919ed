// The list of episodes: the keys of every list.
import { startRowKeys } from "./rows.js";

startRowKeys("#episodes tbody tr");
